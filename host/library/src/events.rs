//! Events for programs: a callback, or a stream.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use runner_engine::event::{Event, EventSink};

/// A function that is called with each event.
pub(super) struct Callback<F>(pub F);

impl<F: Fn(&Event) + Send + Sync> EventSink for Callback<F> {
    fn emit(&self, event: &Event) {
        (self.0)(event);
    }
}

/// The events of a [`Runner`](super::Runner)'s runs, in order. It ends when the runner is dropped and its runs have ended. Events
/// are kept until they are read; dropping the stream is harmless.
#[derive(Debug)]
pub struct Events {
    receiver: UnboundedReceiver<Event>,
}

impl Events {
    /// The next event; none after the last one.
    pub async fn next(&mut self) -> Option<Event> {
        self.receiver.recv().await
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.receiver.poll_recv(context)
    }
}

struct Sending(UnboundedSender<Event>);

impl EventSink for Sending {
    fn emit(&self, event: &Event) {
        // The program may have dropped the stream.
        let _ = self.0.send(event.clone());
    }
}

/// A sink and the stream of what it is given.
pub(super) fn stream() -> (Box<dyn EventSink>, Events) {
    let (sender, receiver) = unbounded_channel();
    (Box::new(Sending(sender)), Events { receiver })
}

/// Several sinks, or none.
pub(super) struct Sinks(pub Vec<Box<dyn EventSink>>);

impl EventSink for Sinks {
    fn emit(&self, event: &Event) {
        self.0.iter().for_each(|sink| sink.emit(event));
    }
}
