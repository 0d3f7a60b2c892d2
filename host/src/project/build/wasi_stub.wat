;; What a C library, or the runtime of a language, asks WASI preview 1 for by itself, answered inside of the component: it has no
;; import of a system then. The clock begins one second after 1970 and moves by a microsecond each time it is asked, random bytes follow
;; a fixed seed, and there are no arguments, variables or files; what is written is dropped.
;;
;; `runner_follow_run` is no function of WASI: an SDK calls it with the time of the run, in nanoseconds since 1970, and a seed. From then
;; on the clock of the day stands at that time, and random bytes follow the seed. The other clocks go on as they did, since a garbage
;; collector measures with them, and how often it does depends on what the instance did before.
(module
  (import "env" "memory" (memory 0))
  (global $clock (mut i64) (i64.const 1000000000))
  (global $run (mut i64) (i64.const 0))
  (global $seed (mut i64) (i64.const 0x9E3779B97F4A7C15))
  (func (export "sched_yield") (result i32) i32.const 0)
  (func (export "proc_exit") (param i32) unreachable)
  (func (export "args_get") (param i32 i32) (result i32) i32.const 0)
  (func (export "args_sizes_get") (param i32 i32) (result i32) (i32.store (local.get 0) (i32.const 0)) (i32.store (local.get 1) (i32.const 0)) i32.const 0)
  (func (export "environ_get") (param i32 i32) (result i32) i32.const 0)
  (func (export "environ_sizes_get") (param i32 i32) (result i32) (i32.store (local.get 0) (i32.const 0)) (i32.store (local.get 1) (i32.const 0)) i32.const 0)
  (func (export "runner_follow_run") (param i64 i64) (global.set $run (local.get 0)) (global.set $seed (local.get 1)))
  (func (export "clock_time_get") (param $id i32) (param i64) (param $out i32) (result i32)
    (global.set $clock (i64.add (global.get $clock) (i64.const 1000)))
    (i64.store (local.get $out)
      (select (global.get $run) (global.get $clock) (i32.and (i32.eqz (local.get $id)) (i64.ne (global.get $run) (i64.const 0)))))
    i32.const 0)
  (func (export "random_get") (param $p i32) (param $n i32) (result i32)
    (block $d (loop $l (br_if $d (i32.eqz (local.get $n)))
      (global.set $seed (i64.add (i64.mul (global.get $seed) (i64.const 6364136223846793005)) (i64.const 1442695040888963407)))
      (i32.store8 (local.get $p) (i32.wrap_i64 (i64.shr_u (global.get $seed) (i64.const 56))))
      (local.set $p (i32.add (local.get $p) (i32.const 1))) (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br $l)))
    i32.const 0)
  (func (export "fd_write") (param $fd i32) (param $iov i32) (param $n i32) (param $out i32) (result i32) (local $t i32)
    (block $d (loop $l (br_if $d (i32.eqz (local.get $n)))
      (local.set $t (i32.add (local.get $t) (i32.load offset=4 (local.get $iov))))
      (local.set $iov (i32.add (local.get $iov) (i32.const 8))) (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br $l)))
    (i32.store (local.get $out) (local.get $t)) i32.const 0)
  (func (export "poll_oneoff") (param i32 i32 i32 i32) (result i32) (i32.store (local.get 3) (i32.const 0)) (global.set $clock (i64.add (global.get $clock) (i64.const 1000000))) i32.const 0)
  (func (export "fd_close") (param i32) (result i32) i32.const 8)
  (func (export "fd_fdstat_get") (param i32 i32) (result i32) i32.const 8)
  (func (export "fd_fdstat_set_flags") (param i32 i32) (result i32) i32.const 8)
  (func (export "fd_prestat_get") (param i32 i32) (result i32) i32.const 8)
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) i32.const 8)
  (func (export "fd_seek") (param i32 i64 i32 i32) (result i32) i32.const 8)
  (func (export "fd_read") (param i32 i32 i32 i32) (result i32) i32.const 8)
)
