/** The snapshot as portal/model.py defines it and `/events` sends it. */
export interface Camera { id: string; name: string; source: string; device: string }
export type CameraState = "absent" | "starting" | "live" | "fault" | "paused";
export type HealStep = "session" | "transport" | "reload" | "browser" | "compositor"
  | "peer-publisher" | "peer-media-server" | "reboot";
export interface Peer {
  name: string; title: string; version: string; address: string;
  link_port: number; whep_port: number; origin: string;
}
export interface Snapshot {
  site: { name: string; title: string; version: string; started_at: number };
  camera: {
    state: CameraState; camera: Camera | null; detail: string; since: number;
    delivers: string; encoder: string; note: string;
  };
  cameras: Camera[];
  paused: boolean;
  muted: boolean;
  microphone: "off" | "muted" | "on";
  display_on: boolean;
  quiet_until: number;
  heals: { step: HealStep; count: number; reason: string; at: number }[];
  media_server: {
    state: "starting" | "ready" | "down"; version: string; pid: number;
    generation: number; detail: string; since: number;
  };
  link: {
    state: "searching" | "connecting" | "up" | "lost";
    peer: Peer | null;
    remote: {
      name: string; title: string; version: string;
      camera: CameraState; camera_name: string; detail: string;
    } | null;
    others: Peer[];
    rtt_s: number | null;
    clock_offset_s: number | null;
    detail: string;
    since: number;
  };
  picture: {
    state: "unknown" | "live" | "stalled" | "absent" | "paused";
    fps: number; width: number; height: number; detail: string; checked_at: number;
  };
  screen: {
    state: "absent" | "waiting" | "connected" | "live";
    report: {
      fps: number; width: number; height: number; freezes: number; reason: string; transport: string;
      packets_lost: number; packets_received: number; age_s: number | null; moved_s: number | null;
    } | null;
    seen_at: number; since: number;
  };
  faults: { key: string; message: string; remedy: string }[];
}
/** What the server tells a page beside the snapshot. */
export interface Setup { local: boolean; playerHost: string; playerPort: number; snapshot: Snapshot }

export type Tone = "good" | "wait" | "rest" | "bad";
export interface Card { key: string; name: string; tone: Tone; state: string; text: string; list: string[] }
export interface View {
  headline: string;
  own: { caption: string; veil: string; wanted: boolean };
  other: { caption: string; veil: string; wanted: boolean };
  cards: Card[];
}
