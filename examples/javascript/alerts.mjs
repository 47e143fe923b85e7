// Prints alerts as JSON lines, each once and in order; docs/clients.md says how and why.
import { createClient } from 'redis'

const { REDIS_URL: url, REDIS_USER: username, REDIS_PASSWORD: password, EXERCISE } = process.env
const prefix = EXERCISE === '1' ? 'exercise:' : ''
const places = new Map(process.argv.slice(2).map((place) => [`${prefix}alerts:${place}`, place]))
const options = { url, username, password, socket: { reconnectStrategy: false } } // that is ours
const [last, seen, say] = [new Map(), new Set(), console.error] // sequence of each channel, identifiers
let epoch = null // of Redis; with another one it may have lost what we counted from

function tell(channel, texts, aloud = true) {
  const messages = texts.map((text) => [JSON.parse(text), text])
  for (const [message, text] of messages.sort(([a], [b]) => a.sequence - b.sequence)) {
    const identity = `${channel} ${message.alert?.alert_id ?? message.note.note_id}`
    if (aloud && !seen.has(identity)) console.log(text)
    if (seen.add(identity).size > 20_000 * places.size) seen.delete(seen.values().next().value)
  }
}

async function catchUp(link, channel, start) {
  const stream = await link.xRange(`${prefix}stream:alerts:${places.get(channel)}`, `${start}`, '+')
  const active = Object.values(await link.hGetAll(`${prefix}active:alerts:${places.get(channel)}`))
  const numbers = stream.length ? stream.map(({ id }) => parseInt(id)) : [start - 1]
  if (start > 1 && numbers[0] > start) say(`MISSED: ${channel} ${start} to ${numbers[0] - 1}, no longer kept`)
  if (!last.has(channel)) tell(channel, active) // new here: what is not active is history
  tell(channel, [...stream.map(({ message }) => message.message), ...active], last.has(channel))
  last.set(channel, numbers.at(-1))
}

async function take(link, channel, text) {
  if (JSON.parse(text).epoch !== epoch) for (const one of places.keys()) await catchUp(link, one, 1)
  else if (places.has(channel)) await catchUp(link, channel, last.get(channel) + 1)
  epoch = JSON.parse(text).epoch
}

function follow(link, heard) {
  return new Promise((_, reject) => {
    for (const one of [link, heard]) one.on('error', reject).on('end', () => reject(new Error('cut off')))
    const silent = () => reject(new Error('no heartbeat for 15 s, nobody would publish'))
    let [live, judging, timer, work] = [false, true, setTimeout(silent, 15_000), Promise.resolve()]
    const next = (step) => (work = work.then(step)).catch(reject) // one after the other
    next(() => Promise.all([link.connect(), heard.connect()]))
    next(() => heard.subscribe([...places.keys()], (text, channel) => next(() => take(link, channel, text))))
    for (const channel of places.keys()) next(() => catchUp(link, channel, (last.get(channel) ?? 0) + 1))
    next(() => heard.subscribe(`${prefix}heartbeat`, (text, channel) => {
      live = live || !say('LIVE')
      const judged = JSON.parse(text).judging ?? judging
      if (judged !== judging) say(judged ? 'JUDGED AGAIN' : 'REPORTS ARE NOT JUDGED')
      judging = judged
      clearTimeout(timer)
      timer = setTimeout(silent, 15_000)
      next(() => take(link, channel, text))
    }))
  })
}

for (;;) {
  const clients = [createClient(options), createClient(options)]
  await follow(...clients).catch((error) => say(`NOT LIVE: ${error.message}`))
  for (const client of clients) if (client.isOpen) client.destroy()
  await new Promise((resolve) => setTimeout(resolve, 1_000))
}
