package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
)

const answerTime = 10 * time.Second

// janus is Janus's VideoRoom over its WebSocket API: one handle to publish, one to receive.
type janus struct {
	socket   *websocket.Conn
	session  uint64
	received *received
	rtc      *webrtc.API
	last     atomic.Uint64
	lock     sync.Mutex // of the socket's writing side and of the tables
	waiting  map[string]chan answer
	up       map[uint64]chan struct{} // by handle: closed once Janus has its media
	rooms    map[string][]member
}

type member struct {
	identity string
	feed     uint64 // 0 for a viewer
}

type message map[string]any

type answer struct {
	Kind        string `json:"janus"`
	Transaction string `json:"transaction"`
	Sender      uint64 `json:"sender"`
	Data        struct {
		ID uint64 `json:"id"`
	} `json:"data"`
	Error struct {
		Reason string `json:"reason"`
	} `json:"error"`
	Plugin struct {
		Data struct {
			ID    uint64 `json:"id"`
			Error string `json:"error"`
		} `json:"data"`
	} `json:"plugindata"`
	JSEP *webrtc.SessionDescription `json:"jsep"`
}

func newJanus(url string, received *received) (*janus, error) {
	dialer := websocket.Dialer{Subprotocols: []string{"janus-protocol"}}
	socket, _, err := dialer.Dial(url, nil)
	if err != nil {
		return nil, err
	}
	rtc, err := newAPI()
	if err != nil {
		return nil, err
	}
	j := &janus{
		socket: socket, received: received, rtc: rtc,
		waiting: map[string]chan answer{}, up: map[uint64]chan struct{}{}, rooms: map[string][]member{},
	}
	go j.read()
	created, err := j.ask(message{"janus": "create"}, "success")
	j.session = created.Data.ID
	return j, err
}

// newAPI is pion with the parts that LiveKit's SDK turns on too.
func newAPI() (*webrtc.API, error) {
	media := &webrtc.MediaEngine{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	chain := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptors(media, chain); err != nil {
		return nil, err
	}
	setting := webrtc.SettingEngine{}
	setting.SetIncludeLoopbackCandidate(true)
	return webrtc.NewAPI(
		webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(chain), webrtc.WithSettingEngine(setting),
	), nil
}

func (j *janus) read() {
	for {
		_, data, err := j.socket.ReadMessage()
		if err != nil {
			return
		}
		var found answer
		if json.Unmarshal(data, &found) != nil || found.Kind == "ack" {
			continue
		}
		j.lock.Lock()
		if up := j.up[found.Sender]; up != nil && found.Kind == "webrtcup" {
			close(up)
			delete(j.up, found.Sender)
		}
		waiting := j.waiting[found.Transaction]
		delete(j.waiting, found.Transaction)
		j.lock.Unlock()
		if waiting != nil {
			waiting <- found
		}
	}
}

// ask sends a request and waits for what answers it.
func (j *janus) ask(request message, kind string) (answer, error) {
	transaction := fmt.Sprint(j.last.Add(1))
	request["transaction"] = transaction
	if j.session != 0 {
		request["session_id"] = j.session
	}
	text, err := json.Marshal(request)
	if err != nil {
		return answer{}, err
	}
	waiting := make(chan answer, 1)
	j.lock.Lock()
	j.waiting[transaction] = waiting
	// Not WriteJSON: Janus refuses the newline that it adds.
	err = j.socket.WriteMessage(websocket.TextMessage, text)
	j.lock.Unlock()
	if err != nil {
		return answer{}, err
	}
	var found answer
	select {
	case found = <-waiting:
	case <-time.After(answerTime):
		return found, fmt.Errorf("%v was not answered", request["janus"])
	}
	if reason := found.Error.Reason + found.Plugin.Data.Error; reason != "" {
		return found, errors.New(reason)
	}
	if found.Kind != kind {
		return found, fmt.Errorf("%v answered with %s", request["janus"], found.Kind)
	}
	return found, nil
}

func (j *janus) attach() (uint64, error) {
	attached, err := j.ask(message{"janus": "attach", "plugin": "janus.plugin.videoroom"}, "success")
	return attached.Data.ID, err
}

func (j *janus) tell(handle uint64, body message, jsep *webrtc.SessionDescription, kind string) (answer, error) {
	request := message{"janus": "message", "handle_id": handle, "body": body}
	if jsep != nil {
		request["jsep"] = jsep
	}
	return j.ask(request, kind)
}

func (j *janus) enter(room, identity string, tracks []*track) error {
	if _, known := j.rooms[room]; !known {
		handle, err := j.attach()
		if err != nil {
			return err
		}
		create := message{"request": "create", "room": number(room), "publishers": 200, "bitrate": 0}
		if _, err := j.tell(handle, create, nil, "success"); err != nil {
			return err
		}
		j.rooms[room] = nil
	}
	feed := uint64(0)
	if len(tracks) > 0 {
		published, err := j.publish(room, tracks)
		if err != nil {
			return err
		}
		feed = published
	}
	j.rooms[room] = append(j.rooms[room], member{identity, feed})
	return nil
}

// number is the room's, since Janus names rooms by numbers.
func number(room string) int {
	var found int
	if _, err := fmt.Sscanf(room, "room-%d", &found); err != nil {
		panic(err)
	}
	return found + 1
}

func (j *janus) publish(room string, tracks []*track) (uint64, error) {
	handle, err := j.attach()
	if err != nil {
		return 0, err
	}
	join := message{"request": "join", "ptype": "publisher", "room": number(room)}
	joined, err := j.tell(handle, join, nil, "event")
	if err != nil {
		return 0, err
	}
	connection, err := j.rtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return 0, err
	}
	up := make(chan struct{})
	j.lock.Lock()
	j.up[handle] = up
	j.lock.Unlock()
	for _, track := range tracks {
		way := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}
		if _, err := connection.AddTransceiverFromTrack(track.LocalTrack, way); err != nil {
			return 0, err
		}
	}
	offer, err := connection.CreateOffer(nil)
	if err != nil {
		return 0, err
	}
	complete, err := gathered(connection, offer)
	if err != nil {
		return 0, err
	}
	answered, err := j.tell(handle, message{"request": "publish"}, complete, "event")
	if err != nil {
		return 0, err
	}
	if err := connection.SetRemoteDescription(*answered.JSEP); err != nil {
		return 0, err
	}
	// Nobody can subscribe to a publisher whose media Janus does not have yet.
	select {
	case <-up:
		return joined.Plugin.Data.ID, nil
	case <-time.After(answerTime):
		return 0, errors.New("no media connection")
	}
}

// gathered makes a description ours and waits until its candidates are known.
func gathered(
	connection *webrtc.PeerConnection, description webrtc.SessionDescription,
) (*webrtc.SessionDescription, error) {
	complete := webrtc.GatheringCompletePromise(connection)
	if err := connection.SetLocalDescription(description); err != nil {
		return nil, err
	}
	<-complete
	return connection.LocalDescription(), nil
}

func (j *janus) subscribe() error {
	for room, members := range j.rooms {
		for _, viewer := range members {
			var streams []message
			for _, member := range members {
				if member.feed != 0 && member.identity != viewer.identity {
					streams = append(streams, message{"feed": member.feed})
				}
			}
			if len(streams) > 0 {
				if err := j.receive(room, streams); err != nil {
					return fmt.Errorf("%s: %w", viewer.identity, err)
				}
			}
		}
	}
	return nil
}

func (j *janus) receive(room string, streams []message) error {
	handle, err := j.attach()
	if err != nil {
		return err
	}
	join := message{"request": "join", "ptype": "subscriber", "room": number(room), "streams": streams}
	offered, err := j.tell(handle, join, nil, "event")
	if err != nil {
		return err
	}
	connection, err := j.rtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return err
	}
	connection.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { j.received.follow(remote) })
	if err := connection.SetRemoteDescription(*offered.JSEP); err != nil {
		return err
	}
	answer, err := connection.CreateAnswer(nil)
	if err != nil {
		return err
	}
	complete, err := gathered(connection, answer)
	if err != nil {
		return err
	}
	_, err = j.tell(handle, message{"request": "start"}, complete, "event")
	return err
}
