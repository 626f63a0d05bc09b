"""Where events go; ``set_backend`` chooses one."""
