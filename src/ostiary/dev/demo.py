"""`ostiary demo`: the main story, played against a running `ostiary dev`, each step with its call and its answer."""
