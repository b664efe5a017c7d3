"""Has what programs send out examined before any of it is sent, where a policy says so. Sets no policy."""
