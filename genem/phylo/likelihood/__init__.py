"""The likelihood of trees, its derivatives, and posterior states of nodes."""
