"""What `inv doctor` looks at: each module reads facts of one topic and judges them."""
