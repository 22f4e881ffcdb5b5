# The image of a worker pod of the KubernetesExecutor: Airflow, the project with its environment, the DAG files.
ARG GAIAFLOW_AIRFLOW_IMAGE
ARG GAIAFLOW_IMAGE

FROM ${GAIAFLOW_IMAGE} AS project

FROM ${GAIAFLOW_AIRFLOW_IMAGE}
COPY --from=project /opt/venv /opt/env/project
COPY --from=project /opt/project /opt/project
COPY dags /opt/dags
CMD ["airflow", "version"]
