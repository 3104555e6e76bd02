/** Pictures and sound of a call, or of a camera alone, in elements that follow their track. */
import type { LocalVideoTrack, RemoteTrack } from "livekit-client";
import { useEffect, useRef } from "preact/hooks";

type Playable = Pick<RemoteTrack | LocalVideoTrack, "attach" | "detach">;

export function Picture({ track, label, own }: { track: Playable; label: string; own?: boolean }) {
  const element = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const video = element.current;
    if (!video) return;
    track.attach(video);
    return () => {
      track.detach(video);
    };
  }, [track]);
  return (
    <video ref={element} class={own ? "mirrored" : undefined} aria-label={label} autoplay playsInline muted />
  );
}

export function Sound({ track }: { track: Playable }) {
  const element = useRef<HTMLAudioElement>(null);
  useEffect(() => {
    const audio = element.current;
    if (!audio) return;
    track.attach(audio);
    return () => {
      track.detach(audio);
    };
  }, [track]);
  // biome-ignore lint/a11y/useMediaCaption: live speech has no captions to offer.
  return <audio ref={element} autoplay />;
}

export function CameraPreview({ stream, label }: { stream: MediaStream; label: string }) {
  const element = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (element.current) element.current.srcObject = stream;
  }, [stream]);
  return <video ref={element} class="mirrored" aria-label={label} autoplay playsInline muted />;
}
