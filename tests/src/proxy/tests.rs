use std::{net::Ipv4Addr, sync::Mutex, time::Instant};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::*;

const ANY_PORT: SocketAddr = SocketAddr::V4(std::net::SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
const WAIT: Duration = Duration::from_secs(5);

/// A request of Kafka's with this API key and correlation id; the reply is its correlation id.
fn request(api: i16, id: i32) -> Vec<u8> {
    let mut frame = 8_i32.to_be_bytes().to_vec();
    frame.extend(api.to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(id.to_be_bytes());
    frame
}

/// A server that answers each request with its correlation id, and a proxy in front of it.
struct World {
    http: Http,
    proxy: Proxy,
    /// Correlation ids of what the server got.
    came: Arc<Mutex<Vec<i32>>>,
}

fn world() -> World {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let http = Http::new(Arc::new(runtime)).unwrap();
    let listener = http.runtime().block_on(TcpListener::bind(ANY_PORT)).unwrap();
    let target = listener.local_addr().unwrap();
    let came: Arc<Mutex<Vec<i32>>> = Arc::default();
    let noted = Arc::clone(&came);
    http.runtime().spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let noted = Arc::clone(&noted);
            tokio::spawn(async move {
                while let Ok(Some(frame)) = Wire::Kafka.piece(&mut stream).await {
                    let id = Wire::Kafka.correlation(&frame, true).unwrap();
                    noted.lock().unwrap().push(id);
                    let reply = [4_i32.to_be_bytes(), id.to_be_bytes()].concat();
                    stream.write_all(&reply).await.unwrap();
                }
            });
        }
    });
    let proxy = Proxy::start(&http, ANY_PORT, target, Wire::Kafka).unwrap();
    World { http, proxy, came }
}

impl World {
    /// The correlation id of the reply to a request on a connection of its own; an error if the
    /// connection broke.
    fn ask(&self, api: i16, id: i32) -> std::io::Result<i32> {
        self.http.runtime().block_on(async {
            let mut stream = TcpStream::connect(self.proxy.address()).await?;
            stream.write_all(&request(api, id)).await?;
            stream.read_i32().await?;
            stream.read_i32().await
        })
    }

    fn server_got(&self, id: i32) -> bool {
        self.came.lock().unwrap().contains(&id)
    }
}

#[test]
fn what_passes_is_answered() {
    let world = world();
    assert_eq!(world.ask(0, 7).unwrap(), 7);
    assert_eq!(world.proxy.acted(), 0);
}

#[test]
fn a_dropped_reply_is_of_a_request_that_was_delivered_and_of_no_other() {
    let world = world();
    let to = Aim::Kafka(kafka_api::END_TXN);
    world.proxy.set(Mode::DropReply { to, every: 2 });
    assert_eq!(world.ask(kafka_api::PRODUCE, 1).unwrap(), 1);
    assert!(world.ask(kafka_api::END_TXN, 2).is_err());
    assert!(world.server_got(2));
    assert_eq!(world.ask(kafka_api::END_TXN, 3).unwrap(), 3);
    assert_eq!(world.proxy.acted(), 1);
}

#[test]
fn a_held_reply_is_of_a_request_that_was_delivered_and_never_comes() {
    let world = world();
    world.proxy.set(Mode::HoldReply { to: Aim::Kafka(kafka_api::END_TXN), with: "" });
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| world.ask(kafka_api::END_TXN, 9));
        crate::wait::until("request and reply came", WAIT, || {
            Ok(((world.proxy.acted(), world.proxy.held()) == (1, 1)).then_some(()))
        })
        .unwrap();
        assert!(world.server_got(9));
        world.proxy.set(Mode::Pass);
        assert!(asked.join().unwrap().is_err());
    });
}

#[test]
fn a_delayed_request_arrives_after_its_connection_was_reset() {
    let world = world();
    let by = Duration::from_millis(200);
    world.proxy.set(Mode::DelayRequest { of: Aim::Any, every: 1, by });
    assert!(world.ask(kafka_api::END_TXN, 4).is_err());
    assert!(!world.server_got(4));
    crate::wait::until("the request arrives", WAIT, || Ok(world.server_got(4).then_some(())))
        .unwrap();
}

#[test]
fn a_held_request_outlives_its_client_and_the_ones_behind_it_pass() {
    let world = world();
    let of = Aim::Kafka(kafka_api::END_TXN);
    world.proxy.set(Mode::HoldRequest { of, at_least: 0, begun: false });
    world.http.runtime().block_on(async {
        let mut client = TcpStream::connect(world.proxy.address()).await.unwrap();
        client.write_all(&request(kafka_api::END_TXN, 10)).await.unwrap();
        while world.proxy.acted() == 0 {
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(world.ask(kafka_api::END_TXN, 11).unwrap(), 11);
    assert!(!world.server_got(10));
    assert_eq!(world.proxy.late_reply(), None);
    world.proxy.set(Mode::Pass);
    crate::wait::until("it is answered", WAIT, || Ok(world.proxy.late_reply())).unwrap();
    assert!(world.server_got(10));
}

#[test]
fn the_length_of_an_http_request_is_known_from_its_head() {
    let head = b"POST / HTTP/1.1\r\nContent-Length: 7\r\nHost: x\r\n\r\n";
    assert_eq!(Wire::Http.length(&head[..head.len() - 1]), None);
    assert_eq!(Wire::Http.length(head), Some(head.len() + 7));
    assert_eq!(Wire::Http.length(b"GET / HTTP/1.1\r\n\r\n"), Some(18));
    assert_eq!(Wire::Kafka.length(&request(0, 1)), Some(12));
}

#[test]
fn a_blackhole_keeps_what_comes_and_lets_it_go_later() {
    let world = world();
    world.proxy.set(Mode::Blackhole);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| world.ask(0, 5));
        crate::wait::until("a piece is kept", WAIT, || Ok((world.proxy.acted() > 0).then_some(())))
            .unwrap();
        assert!(!world.server_got(5));
        world.proxy.set(Mode::Pass);
        assert_eq!(asked.join().unwrap().unwrap(), 5);
    });
}

#[test]
fn a_reset_ends_open_connections_and_refuses_new_ones() {
    let world = world();
    let open = world.http.runtime().block_on(TcpStream::connect(world.proxy.address())).unwrap();
    world.proxy.set(Mode::Reset);
    let ended = world.http.runtime().block_on(async {
        let mut open = open;
        open.read_i32().await
    });
    assert!(ended.is_err());
    assert!(world.ask(0, 6).is_err());
}

#[test]
fn a_throttled_reply_takes_its_time() {
    let world = world();
    world.proxy.set(Mode::Throttle(40));
    let begun = Instant::now();
    assert_eq!(world.ask(0, 8).unwrap(), 8);
    // 12 bytes to the server and 8 back, 4 in a tenth of a second.
    assert!(begun.elapsed() >= Duration::from_millis(300));
}
