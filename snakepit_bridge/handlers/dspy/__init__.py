"""What the ``dspy.*`` commands are made of; ``door`` alone imports the library."""
