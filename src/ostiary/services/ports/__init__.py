"""What the services need of the outside, as Protocols; `adapters` provides it and `bootstrap` wires it."""
