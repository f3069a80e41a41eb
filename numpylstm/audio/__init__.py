"""Sound: files, and measures of how near one sound is to another. Import its modules one by one."""
