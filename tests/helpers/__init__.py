"""What several test modules share; a test module is never imported by another one."""
