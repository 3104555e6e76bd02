"""Two codecs of one camera: the second for those who cannot receive the first."""

from __future__ import annotations

import pytest

from tests.conformance.conftest import Opened, Server, eventually
from tests.conformance.test_browser import BOTH_PATHS, _join, _plays, _publish

REGRESSION, SIMULCAST = 0, 1
"""livekit-client's BackupCodecPolicy."""


@BOTH_PATHS
@pytest.mark.parametrize(("policy", "others_see"), [(SIMULCAST, "video/VP9"), (REGRESSION, "video/VP8")])
async def test_a_browser_that_lacks_the_codec_gets_the_other(
    server: Server, open_page: Opened, single: bool, policy: int, others_see: str
) -> None:
    amina, wang, li = await open_page(), await open_page(), await open_page()
    await amina.evaluate("lack('VP9')")
    for page, name in ((amina, "amina"), (wang, "wang")):
        await _join(page, server, name, singlePeerConnection=single)
    published = {"videoCodec": "vp9", "backupCodecPolicy": policy}
    await _join(li, server, "li", singlePeerConnection=single, publishDefaults=published)
    await _publish(li, "li")
    await eventually(lambda: _plays(amina, "amina", "li/camera"), 20)
    assert await amina.evaluate("codecOf('amina')") == "video/VP8"

    async def wang_sees() -> bool:
        return bool(await wang.evaluate("codecOf('wang')") == others_see)

    await eventually(wang_sees, 20)
    await eventually(lambda: _plays(wang, "wang", "li/camera"))
    await eventually(lambda: _plays(amina, "amina", "li/camera"))
