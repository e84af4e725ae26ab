"""What is in a dataset: `description` measures it and `command` prints it for `reasondistill stats`."""
