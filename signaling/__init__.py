"""A media server that speaks LiveKit's protocol on aiohttp and aiortc."""
