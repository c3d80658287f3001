"""What people type. Each file stands alone and has no privileges: it is found and loaded like anybody's."""
