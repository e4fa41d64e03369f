"""Networks that others have trained, as the backbones of ours: cards and readers of weights."""
