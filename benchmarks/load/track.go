package main

import (
	"encoding/binary"
	"math/rand/v2"
	"sync/atomic"
	"time"

	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	packetBytes  = 1100 // the usual payload of a browser's video packet
	audioBytes   = 80   // 20 ms of Opus at 32 kbit/s
	frameTime    = 40 * time.Millisecond
	audioTime    = 20 * time.Millisecond
	pacerTime    = 5 * time.Millisecond
	pacerFactor  = 2.5 // libwebrtc's pacer sends a frame at two and a half times the bit rate
	keyFrameTime = 500 * time.Millisecond
	audioLevel   = 30 // -dBov, as a person speaking
)

// track is one published stream: it sends until the process ends.
type track struct {
	*lksdk.LocalTrack
	source interface{ run(send func(*rtp.Packet)) }
	sent   atomic.Uint64
}

func newTracks(p plan, beats *beats) ([]*track, error) {
	var made []*track
	if p.videoBps > 0 {
		picture := &picture{bps: p.videoBps, offset: beats.offset(frameTime)}
		local, err := lksdk.NewLocalTrack(
			webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000},
			lksdk.WithRTCPHandler(picture.feedback),
		)
		if err != nil {
			return nil, err
		}
		made = append(made, &track{LocalTrack: local, source: picture})
	}
	if p.audio {
		local, err := lksdk.NewLocalTrack(
			webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2},
		)
		if err != nil {
			return nil, err
		}
		made = append(made, &track{LocalTrack: local, source: sound{offset: beats.offset(audioTime)}})
	}
	return made, nil
}

func (t *track) run() {
	level := uint8(audioLevel)
	options := &lksdk.SampleWriteOptions{AudioLevel: &level}
	t.source.run(func(packet *rtp.Packet) {
		stamp(packet.Payload)
		t.sent.Add(1)
		// What the socket does not take is lost on the way, and so counted.
		_ = t.WriteRTP(packet, options)
	})
}

// sound is Opus-looking audio without pauses.
type sound struct {
	offset time.Duration
}

func (s sound) run(send func(*rtp.Packet)) {
	payload := make([]byte, audioBytes)
	payload[0] = 0xFC // CELT, fullband, 20 ms, stereo, one frame (RFC 6716, section 3.1)
	packet := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(rand.Uint32())}, Payload: payload}
	for at := next(audioTime, s.offset); ; at = at.Add(audioTime) {
		time.Sleep(time.Until(at))
		packet.SequenceNumber++
		packet.Timestamp += 960
		send(packet)
	}
}

// picture is VP8-looking video of one layer: frames of whole packets, paced as a browser paces them.
type picture struct {
	bps      int
	offset   time.Duration
	wanted   atomic.Bool // somebody asked for a key frame
	keyed    time.Time
	id       uint16
	sequence uint16
}

func (p *picture) feedback(packet rtcp.Packet) {
	switch packet.(type) {
	case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
		p.wanted.Store(true)
	}
}

func (p *picture) run(send func(*rtp.Packet)) {
	packetsPerFrame := float64(p.bps) / 8 / packetBytes * frameTime.Seconds()
	perStep := max(1, int(pacerFactor*float64(p.bps)/8/packetBytes*pacerTime.Seconds()+0.5))
	due, timestamp := 0.0, rand.Uint32()
	p.wanted.Store(true)
	for at := next(frameTime, p.offset); ; at = at.Add(frameTime) {
		time.Sleep(time.Until(at))
		due += packetsPerFrame
		count := max(1, int(due))
		due -= float64(count)
		isKey := p.takeKey(at)
		timestamp += uint32(90000 * frameTime / time.Second)
		p.id = (p.id + 1) & 0x7FFF
		for index := range count {
			if index > 0 && index%perStep == 0 {
				time.Sleep(time.Until(at.Add(pacerTime * time.Duration(index/perStep))))
			}
			send(p.packet(timestamp, isKey, index == 0, index == count-1))
		}
	}
}

func (p *picture) takeKey(now time.Time) bool {
	if now.Sub(p.keyed) < keyFrameTime || !p.wanted.Swap(false) {
		return false
	}
	p.keyed = now
	return true
}

func (p *picture) packet(timestamp uint32, isKey, isFirst, isLast bool) *rtp.Packet {
	payload := make([]byte, packetBytes)
	// Descriptor (RFC 7741, section 4.2): extended, with picture ID, TL0PICIDX and temporal layer 0.
	payload[0], payload[1] = 0x80, 0xE0
	binary.BigEndian.PutUint16(payload[2:], 0x8000|p.id)
	payload[4] = byte(p.id)
	if isFirst {
		payload[0] |= 0x10
		payload[6] = 0x01 // interframe (RFC 6386, section 9.1)
		if isKey {
			copy(payload[6:], []byte{0x00, 0, 0, 0x9D, 0x01, 0x2A, 1280 & 0xFF, 1280 >> 8, 720 & 0xFF, 720 >> 8})
		}
	}
	p.sequence++
	header := rtp.Header{Version: 2, Marker: isLast, SequenceNumber: p.sequence, Timestamp: timestamp}
	return &rtp.Packet{Header: header, Payload: payload}
}

// beats says when sources send: not at the same moments as one another, as people's cameras do not, but the same moments
// on every server that is given the same seed. How often one visit wakes a server hangs on how its beats fall.
type beats struct {
	*rand.Rand
}

func newBeats(seed uint64) *beats {
	return &beats{rand.New(rand.NewPCG(seed, 0))}
}

func (b *beats) offset(period time.Duration) time.Duration {
	return time.Duration(b.Int64N(int64(period)))
}

var epoch = time.Now()

// next is the coming moment of a beat that fell, or will have fallen, at an offset after the epoch.
func next(period, offset time.Duration) time.Time {
	return epoch.Add(time.Since(epoch).Truncate(period) + period + offset)
}
