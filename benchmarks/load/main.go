// Load puts a given load of RTP on a media server and reports what came through, as lines of JSON.
//
// It prints {"event":"measure"} when the window begins and {"event":"measured", ...} when it ends, so that whoever
// started it can read the server's clock at the same two moments.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// plan is the shape of the load: who publishes what to whom.
type plan struct {
	rooms      int
	publishers int // in each room; they also hear and see each other
	viewers    int // in each room; they publish nothing
	videoBps   int // of each publisher; 0 for none
	audio      bool
	seed       uint64 // for the moments at which they send
}

func (p plan) streams() int {
	tracks := 0
	if p.videoBps > 0 {
		tracks++
	}
	if p.audio {
		tracks++
	}
	return p.rooms * p.publishers * (p.publishers - 1 + p.viewers) * tracks
}

// server is a media server as a participant meets it.
type server interface {
	// enter brings one person into a room, publishing what is given.
	enter(room, identity string, tracks []*track) error
	// subscribe makes everybody receive everybody else, where entering alone does not.
	subscribe() error
}

func main() {
	var p plan
	kind := flag.String("server", "livekit", "livekit (also ours) or janus")
	url := flag.String("url", "", "WebSocket address of the server")
	key := flag.String("key", "", "API key")
	secret := flag.String("secret", "", "API secret")
	flag.IntVar(&p.rooms, "rooms", 1, "rooms")
	flag.IntVar(&p.publishers, "publishers", 2, "publishers in each room")
	flag.IntVar(&p.viewers, "viewers", 0, "viewers in each room")
	flag.IntVar(&p.videoBps, "video-bps", 0, "bit rate of each publisher's video")
	flag.BoolVar(&p.audio, "audio", false, "publish audio too")
	flag.Uint64Var(&p.seed, "seed", 0, "for the moments at which the publishers send")
	setUp := flag.Duration("set-up", 45*time.Second, "how long joining may take, until every stream has arrived")
	warmUp := flag.Duration("warm-up", 3*time.Second, "how long to run before the window")
	window := flag.Duration("window", 10*time.Second, "how long to measure")
	flag.Parse()

	received := newReceived()
	var there server
	var err error
	if *kind == "janus" {
		there, err = newJanus(*url, received)
	} else {
		there = newLiveKit(*url, *key, *secret, received)
	}
	if err == nil {
		err = run(p, there, received, *setUp, *warmUp, *window)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func run(p plan, there server, received *received, setUp, warmUp, window time.Duration) error {
	tracks, err := gather(p, there)
	if err != nil {
		return err
	}
	if err := there.subscribe(); err != nil {
		return err
	}
	if err := received.await(p.streams(), setUp); err != nil {
		return err
	}
	time.Sleep(warmUp)
	before := sample(tracks, received)
	received.recordDelays(true)
	say(map[string]any{"event": "measure"})
	time.Sleep(window)
	after := sample(tracks, received)
	received.recordDelays(false)
	say(report(p, before, after, received))

	// The server's memory is read while everybody is still there; whoever started us says when to go.
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	return nil
}

func gather(p plan, there server) ([]*track, error) {
	var all []*track
	beats := newBeats(p.seed)
	for room := range p.rooms {
		for person := range p.publishers + p.viewers {
			var tracks []*track
			if person < p.publishers {
				made, err := newTracks(p, beats)
				if err != nil {
					return nil, err
				}
				tracks = made
			}
			name := fmt.Sprintf("room-%d", room)
			if err := there.enter(name, fmt.Sprintf("person-%d-%d", room, person), tracks); err != nil {
				return nil, fmt.Errorf("person %d of room %d: %w", person, room, err)
			}
			for _, track := range tracks {
				go track.run()
			}
			all = append(all, tracks...)
		}
	}
	return all, nil
}

// moment is what has been counted up to one instant.
type moment struct {
	at       time.Time
	sent     uint64
	received uint64
	cpu      time.Duration
}

func sample(tracks []*track, received *received) moment {
	now := moment{at: time.Now(), received: received.packets.Load(), cpu: ownCPU()}
	for _, track := range tracks {
		now.sent += track.sent.Load()
	}
	return now
}

func ownCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func report(p plan, before, after moment, received *received) map[string]any {
	copies := uint64(p.publishers - 1 + p.viewers)
	return map[string]any{
		"event":       "measured",
		"seconds":     after.at.Sub(before.at).Seconds(),
		"expected":    (after.sent - before.sent) * copies,
		"received":    after.received - before.received,
		"delay_p50_s": received.delay(0.50).Seconds(),
		"delay_p99_s": received.delay(0.99).Seconds(),
		"load_cpu_s":  (after.cpu - before.cpu).Seconds(),
	}
}

func say(event map[string]any) {
	line, err := json.Marshal(event)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(line))
}
