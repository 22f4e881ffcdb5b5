"""Kubernetes: minikube or a context, its API, kubeconfig, manifests, gateway, secrets, images in the node."""
