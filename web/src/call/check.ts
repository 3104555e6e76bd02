/** Trying camera and microphone before a visit: one's own picture, and how loud one is. */

export interface Check {
  camera: MediaStream | null;
  microphone: MediaStream | null;
  stop: () => void;
}

async function open(constraints: MediaStreamConstraints): Promise<MediaStream | null> {
  try {
    return await navigator.mediaDevices.getUserMedia(constraints);
  } catch {
    return null;
  }
}

/** Opens both, each alone, so that a missing camera does not take the microphone with it. */
export async function check(): Promise<Check> {
  const microphone = await open({ audio: true });
  const camera = await open({ video: true });
  const stop = () => {
    for (const stream of [microphone, camera]) for (const track of stream?.getTracks() ?? []) track.stop();
  };
  return { camera, microphone, stop };
}

/** Tells how loud a microphone is, 0 to 1, some ten times a second, until stopped. */
export function listen(stream: MediaStream, tell: (level: number) => void): () => void {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 512;
  context.createMediaStreamSource(stream).connect(analyser);
  // Without a tap on this page yet, a browser keeps the context asleep; the first tap or key wakes it.
  const wake = () => void context.resume();
  for (const deed of ["pointerdown", "keydown"]) addEventListener(deed, wake);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, one) => sum + one * one, 0) / samples.length;
    // A voice at arm's length has a root mean square near 0.1; four times that fills the meter.
    tell(Math.min(1, Math.sqrt(power) * 4));
  }, 100);
  return () => {
    clearInterval(timer);
    for (const deed of ["pointerdown", "keydown"]) removeEventListener(deed, wake);
    void context.close();
  };
}
