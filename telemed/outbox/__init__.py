"""Messages for other nodes, written in the transaction that makes them true."""
