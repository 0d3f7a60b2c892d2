const events = require("events-package");

module.exports = Object.assign(events, { EventEmitter: events });
