package main

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"
)

const (
	magic       = 0x62656E63_686D726B // tells our packets from padding and probes
	stampBytes  = 16
	delayBucket = 10 * time.Microsecond
	buckets     = 100_000 // up to a second
	maxPacket   = 1500
)

var began = time.Now()

// stamp writes when a packet leaves into its last bytes, which servers pass on as they are.
func stamp(payload []byte) {
	at := len(payload) - stampBytes
	binary.BigEndian.PutUint64(payload[at:], magic)
	binary.BigEndian.PutUint64(payload[at+8:], uint64(time.Since(began)))
}

// received counts what arrives at all subscribers together.
type received struct {
	packets atomic.Uint64
	streams atomic.Int64
	delays  []atomic.Uint32
	records atomic.Bool
}

func newReceived() *received {
	return &received{delays: make([]atomic.Uint32, buckets)}
}

// follow reads a subscribed track to its end.
func (r *received) follow(track *webrtc.TrackRemote) {
	buffer := make([]byte, maxPacket)
	for seen := false; ; {
		length, _, err := track.Read(buffer)
		if err != nil {
			return
		}
		at := length - stampBytes
		if at < 0 || binary.BigEndian.Uint64(buffer[at:]) != magic {
			continue
		}
		if !seen {
			seen = true
			r.streams.Add(1)
		}
		r.packets.Add(1)
		if r.records.Load() {
			delay := time.Since(began) - time.Duration(binary.BigEndian.Uint64(buffer[at+8:]))
			r.delays[min(int(delay/delayBucket), buckets-1)].Add(1)
		}
	}
}

func (r *received) recordDelays(on bool) { r.records.Store(on) }

// await returns once a packet of each stream has arrived.
func (r *received) await(streams int, limit time.Duration) error {
	for deadline := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		arrived := r.streams.Load()
		if arrived >= int64(streams) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d streams arrived", arrived, streams)
		}
	}
}

// delay is the recorded delay that the given share of packets did not exceed.
func (r *received) delay(share float64) time.Duration {
	total := uint64(0)
	for i := range r.delays {
		total += uint64(r.delays[i].Load())
	}
	below := uint64(0)
	for i := range r.delays {
		below += uint64(r.delays[i].Load())
		if float64(below) >= share*float64(total) {
			return time.Duration(i+1) * delayBucket
		}
	}
	return buckets * delayBucket
}
