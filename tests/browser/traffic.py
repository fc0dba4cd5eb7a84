"""What a browser and the app say to each other, as far as it tells whether the page is done."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import DecodeError
from playwright.sync_api import Page, WebSocket
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

EARLY = ForwardMsg.FINISHED_EARLY_FOR_RERUN


@dataclass
class Traffic:
    """When a run was last asked for, begun and ended, in messages."""

    asked: int = 0
    begun: int = 0
    ended: int = 0
    num_messages: int = 0

    @property
    def is_done(self) -> bool:
        """Whether the run that was asked for last has come to its end."""
        return self.asked < self.begun < self.ended

    def listen(self, page: Page) -> None:
        """Follow all that a page says and hears from now on."""
        page.on("websocket", self._follow)

    def _follow(self, socket: WebSocket) -> None:
        socket.on("framesent", lambda data: self._sent(data))
        socket.on("framereceived", lambda data: self._received(data))

    def _sent(self, data: bytes | str) -> None:
        self.num_messages += 1
        message = BackMsg()
        if isinstance(data, bytes) and _parse(message, data) and message.WhichOneof("type") == "rerun_script":
            self.asked = self.num_messages

    def _received(self, data: bytes | str) -> None:
        self.num_messages += 1
        message = ForwardMsg()
        if not isinstance(data, bytes) or not _parse(message, data):
            return
        if message.WhichOneof("type") == "new_session":
            self.begun = self.num_messages
        elif message.WhichOneof("type") == "script_finished" and message.script_finished != EARLY:
            self.ended = self.num_messages


def _parse(message: BackMsg | ForwardMsg, data: bytes) -> bool:
    try:
        message.ParseFromString(data)
    except DecodeError:
        return False
    return True
