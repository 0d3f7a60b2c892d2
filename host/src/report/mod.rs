//! Shows events and outcomes to people and machines: the only room that knows terminals, colour and JSON.
