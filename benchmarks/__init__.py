"""Our media server beside LiveKit's and Janus on one load: `make bench`."""
