package main

import (
	"github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
)

// liveKit is our server or LiveKit's: one client, one code path.
type liveKit struct {
	url, key, secret string
	received         *received
}

func newLiveKit(url, key, secret string, received *received) *liveKit {
	lksdk.SetLogger(logger.GetDiscardLogger())
	return &liveKit{url, key, secret, received}
}

func (l *liveKit) enter(room, identity string, tracks []*track) error {
	callback := lksdk.NewRoomCallback()
	callback.OnTrackSubscribed = func(
		remote *webrtc.TrackRemote, _ *lksdk.RemoteTrackPublication, _ *lksdk.RemoteParticipant,
	) {
		go l.received.follow(remote)
	}
	who := lksdk.ConnectInfo{
		APIKey: l.key, APISecret: l.secret, RoomName: room, ParticipantIdentity: identity,
	}
	// One connection that publishes as it joins, as the newest clients do.
	options := []lksdk.ConnectOption{lksdk.WithSinglePeerConnection()}
	for _, track := range tracks {
		publication := &lksdk.TrackPublicationOptions{Name: track.ID()}
		if track.Kind() == webrtc.RTPCodecTypeVideo {
			publication.VideoWidth, publication.VideoHeight = 1280, 720
		}
		options = append(options, lksdk.WithTrack(track.LocalTrack, publication))
	}
	_, err := lksdk.ConnectToRoom(l.url, who, callback, options...)
	return err
}

// subscribe has nothing to do: whoever joins is subscribed to everything.
func (*liveKit) subscribe() error { return nil }
