"""The learning rate of gradient descent as the control."""
