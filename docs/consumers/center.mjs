// Listens to every gateway: each event once, what is missing, and which states can still be trusted.
//
//     npm install mqtt@5
//     node center.mjs mqtt://broker.lan:1883
import mqtt from 'mqtt';

const prefix = 'lotusgate/v1';
const gateways = new Map();

// A fixed id and no clean session: the broker keeps events for us while we are away.
const client = mqtt.connect(process.argv[2], { clientId: 'center-example-js', clean: false, protocolVersion: 4 });
client.on('connect', () => client.subscribe(prefix + '/#', { qos: 1 }));
client.on('error', (err) => console.error(err.message));

client.on('message', (topic, payload) => {
  const [site, id, kind, ...rest] = topic.slice(prefix.length + 1).split('/');
  const key = site + '/' + id;
  if (!gateways.has(key)) gateways.set(key, { alive: false, states: new Map(), seen: new Map(), missing: null });
  const g = gateways.get(key);
  if (payload.length === 0) {
    if (kind === 'alarm') console.log('alarm cleared', id, ...rest);
    return;
  }
  const said = JSON.parse(payload);
  switch (kind) {
    case 'status':
      g.alive = said.state === 'online' || said.state === 'degraded';
      console.log('status', id, said.state);
      break;
    case 'state':
      g.states.set(said.device, said);
      break;
    case 'alarm':
      console.log('alarm', id, ...rest, said.severity, said.text.en);
      break;
    case 'event':
      console.log(isNew(g, said)
        ? `event ${said.id} ${said.type} ${said.subject} ${JSON.stringify(said.data)}`
        : `duplicate ${said.id}`);
  }
  if (kind === 'status' || kind === 'state') {
    for (const [device, s] of g.states) console.log('state', id, device, s.value, g.alive ? s.quality : 'gateway is not there');
  }
  const missing = holes(g).join(' ') || 'nothing';
  if (missing !== g.missing) console.log('missing', id, g.missing = missing);
});

// numbers of one run that came or were named as dropped; a center keeps these in its database.
function numbers(g, epoch, run) {
  const key = epoch + '-' + String(run).padStart(8, '0');
  if (!g.seen.has(key)) g.seen.set(key, new Set());
  return g.seen.get(key);
}

function isNew(g, e) {
  const [epoch, run, number] = e.id.split('-');
  const seen = numbers(g, epoch, run);
  if (seen.has(Number(number))) return false;
  seen.add(Number(number));
  if (e.type === 'lotusgate.gateway.events_dropped') {
    const dropped = numbers(g, e.data.epoch, e.data.run);
    for (const r of e.data.ranges) for (let n = r.from; n <= r.to; n++) dropped.add(n);
  }
  return true;
}

// holes are numbers that neither came nor were named. After an outage they fill up: alarms overtake the rest.
function holes(g) {
  const found = [];
  for (const [run, seen] of g.seen) {
    for (let n = 1; n < Math.max(...seen); n++) if (!seen.has(n)) found.push(run + '-' + String(n).padStart(10, '0'));
  }
  return found;
}
