"""Training of the models that the project makes itself; nothing here is part of the installed package."""
