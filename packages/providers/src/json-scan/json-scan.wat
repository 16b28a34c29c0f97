;; Reads one JSON object (RFC 8259) without building it: checks the grammar, and notes where the top-level members stand.
;; The input is valid UTF-8 (its caller checks) and is followed by a zero byte: no rule takes a zero, so that no loop has to
;; look for the end. At least 48 bytes of memory follow it: a string is read 32 bytes at a time.
;;
;; Memory: 0 classes of bytes, 1024 kinds of the open containers, 4096 members, 16384 input.
;; A member is six 32-bit numbers; positions are counted from the start of the input:
;;    0 the key's opening quote            4 the position after the key's closing quote
;;    8 the first byte of the value       12 the position after its last byte
;;   16 the number of its elements        20 flags: 1 an element is no object
;;      (meant for arrays)                          2 an element has no text as its last `role`
;;                                                  4 an element has an escaped key: it may be `role`
(module
  (memory (export "memory") 3 130)

  ;; 1: what may follow a backslash; 2: `u`; 4: a hex digit.
  (data (i32.const 34) "\01")                      ;; "
  (data (i32.const 47) "\01")                      ;; /
  (data (i32.const 48) "\04\04\04\04\04\04\04\04\04\04") ;; 0-9
  (data (i32.const 65) "\04\04\04\04\04\04")       ;; A-F
  (data (i32.const 92) "\01")                      ;; \
  (data (i32.const 97) "\04\05\04\04\04\05")       ;; a b c d e f
  (data (i32.const 110) "\01")                     ;; n
  (data (i32.const 114) "\01\00\01\02")            ;; r t u

  ;; Whether the last string held an escape.
  (global $escaped (mut i32) (i32.const 0))

  (func $isHex (param $p i32) (result i32)
    (i32.and (i32.load8_u (i32.load8_u (local.get $p))) (i32.const 4)))

  ;; Bits of the 16 bytes at $p that end a string's plain text: a quote, a backslash, a control character.
  (func $stops (param $p i32) (result i32)
    (local $block v128)
    (local.set $block (v128.load align=1 (local.get $p)))
    (i8x16.bitmask (v128.or
      (v128.or
        (i8x16.eq (local.get $block) (v128.const i8x16 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34))
        (i8x16.eq (local.get $block) (v128.const i8x16 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92)))
      (i8x16.lt_u (local.get $block) (v128.const i8x16 32 32 32 32 32 32 32 32 32 32 32 32 32 32 32 32)))))

  ;; $p stands after the opening quote. Gives the position after the closing one, or 0.
  (func $string (param $p i32) (result i32)
    (local $stops i32) (local $index i32) (local $at i32) (local $c i32) (local $kind i32)
    (global.set $escaped (i32.const 0))
    (loop $block
      (local.set $stops (i32.or
        (call $stops (local.get $p))
        (i32.shl (call $stops (i32.add (local.get $p) (i32.const 16))) (i32.const 16))))
      (if (i32.eqz (local.get $stops)) (then
        (local.set $p (i32.add (local.get $p) (i32.const 32)))
        (br $block)))
      (loop $stop
        (local.set $index (i32.ctz (local.get $stops)))
        (local.set $at (i32.add (local.get $p) (local.get $index)))
        (local.set $c (i32.load8_u (local.get $at)))
        (if (i32.eq (local.get $c) (i32.const 34)) (then (return (i32.add (local.get $at) (i32.const 1)))))
        (if (i32.ne (local.get $c) (i32.const 92)) (then (return (i32.const 0))))
        (global.set $escaped (i32.const 1))
        (local.set $kind (i32.load8_u (i32.load8_u offset=1 (local.get $at))))
        (if (i32.and (local.get $kind) (i32.const 1)) (then
          ;; The backslash and what follows it are done.
          (local.set $stops (i32.and (local.get $stops) (i32.shl (i32.const -4) (local.get $index))))
          (br_if $stop (local.get $stops))
          (local.set $p (i32.add (local.get $p)
            (i32.add (i32.const 32) (i32.eq (local.get $index) (i32.const 31)))))
          (br $block))))
      (if (i32.ne (local.get $kind) (i32.const 2)) (then (return (i32.const 0))))
      (if (i32.eqz (call $isHex (i32.add (local.get $at) (i32.const 2)))) (then (return (i32.const 0))))
      (if (i32.eqz (call $isHex (i32.add (local.get $at) (i32.const 3)))) (then (return (i32.const 0))))
      (if (i32.eqz (call $isHex (i32.add (local.get $at) (i32.const 4)))) (then (return (i32.const 0))))
      (if (i32.eqz (call $isHex (i32.add (local.get $at) (i32.const 5)))) (then (return (i32.const 0))))
      (local.set $p (i32.add (local.get $at) (i32.const 6)))
      (br $block))
    (unreachable))

  ;; The position of the first byte that is no white space.
  (func $space (param $p i32) (result i32)
    (local $c i32)
    (loop $more
      (local.set $c (i32.load8_u (local.get $p)))
      (if (i32.gt_u (local.get $c) (i32.const 32)) (then (return (local.get $p))))
      (if (i32.or
            (i32.or (i32.eq (local.get $c) (i32.const 32)) (i32.eq (local.get $c) (i32.const 10)))
            (i32.or (i32.eq (local.get $c) (i32.const 13)) (i32.eq (local.get $c) (i32.const 9))))
        (then
          (local.set $p (i32.add (local.get $p) (i32.const 1)))
          (br $more))))
    (local.get $p))

  (func $isDigit (param $p i32) (result i32)
    (i32.lt_u (i32.sub (i32.load8_u (local.get $p)) (i32.const 48)) (i32.const 10)))

  ;; One or more digits. Gives the position after them, or 0.
  (func $digits (param $p i32) (result i32)
    (if (i32.eqz (call $isDigit (local.get $p))) (then (return (i32.const 0))))
    (loop $more
      (local.set $p (i32.add (local.get $p) (i32.const 1)))
      (br_if $more (call $isDigit (local.get $p))))
    (local.get $p))

  ;; Gives the position after the number, or 0.
  (func $number (param $p i32) (result i32)
    (local $c i32)
    (if (i32.eq (i32.load8_u (local.get $p)) (i32.const 45)) (then
      (local.set $p (i32.add (local.get $p) (i32.const 1)))))
    (if (i32.eq (i32.load8_u (local.get $p)) (i32.const 48))
      (then (local.set $p (i32.add (local.get $p) (i32.const 1))))
      (else
        (local.set $p (call $digits (local.get $p)))
        (if (i32.eqz (local.get $p)) (then (return (i32.const 0))))))
    (if (i32.eq (i32.load8_u (local.get $p)) (i32.const 46)) (then
      (local.set $p (call $digits (i32.add (local.get $p) (i32.const 1))))
      (if (i32.eqz (local.get $p)) (then (return (i32.const 0))))))
    (if (i32.eq (i32.or (i32.load8_u (local.get $p)) (i32.const 32)) (i32.const 101)) (then
      (local.set $p (i32.add (local.get $p) (i32.const 1)))
      (local.set $c (i32.load8_u (local.get $p)))
      (if (i32.or (i32.eq (local.get $c) (i32.const 43)) (i32.eq (local.get $c) (i32.const 45))) (then
        (local.set $p (i32.add (local.get $p) (i32.const 1)))))
      (return (call $digits (local.get $p)))))
    (local.get $p))

  ;; `true`, `false`, `null`: the position after the word, or 0.
  (func $word (param $p i32) (result i32)
    (local $four i32)
    (local.set $four (i32.load align=1 (local.get $p)))
    (if (i32.eq (local.get $four) (i32.const 0x65757274)) (then (return (i32.add (local.get $p) (i32.const 4)))))
    (if (i32.eq (local.get $four) (i32.const 0x6c6c756e)) (then (return (i32.add (local.get $p) (i32.const 4)))))
    (if (i32.and
          (i32.eq (local.get $four) (i32.const 0x736c6166))
          (i32.eq (i32.load8_u offset=4 (local.get $p)) (i32.const 101)))
      (then (return (i32.add (local.get $p) (i32.const 5)))))
    (i32.const 0))

  ;; Gives the number of top-level members, or -1: no valid JSON object, nested deeper than 2,048, or of more than 500 members.
  (func (export "scan") (param $length i32) (result i32)
    (local $p i32) (local $c i32) (local $start i32)
    (local $depth i32)
    (local $isObject i32)
    ;; 0 a value follows, 1 a key, 2 a comma or an end
    (local $state i32)
    (local $member i32)
    (local $isRole i32) (local $hasRole i32)
    (local.set $member (i32.const 4072))
    (local.set $p (call $space (i32.const 16384)))
    (if (i32.ne (i32.load8_u (local.get $p)) (i32.const 123)) (then (return (i32.const -1))))
    (loop $next
      (local.set $p (call $space (local.get $p)))
      (local.set $c (i32.load8_u (local.get $p)))

      (if (i32.eqz (local.get $state)) (then
        (if (i32.le_u (i32.sub (local.get $depth) (i32.const 1)) (i32.const 2)) (then
          (if (i32.eq (local.get $depth) (i32.const 1)) (then
            (i32.store offset=8 (local.get $member) (i32.sub (local.get $p) (i32.const 16384)))))
          (if (i32.eq (local.get $depth) (i32.const 2)) (then
            (i32.store offset=16 (local.get $member) (i32.add (i32.load offset=16 (local.get $member)) (i32.const 1)))
            (if (i32.ne (local.get $c) (i32.const 123)) (then (call $flag (local.get $member) (i32.const 1))))))
          (if (i32.and (i32.eq (local.get $depth) (i32.const 3)) (local.get $isRole)) (then
            (local.set $hasRole (i32.eq (local.get $c) (i32.const 34)))))))
        (local.set $state (i32.const 2))
        (if (i32.eq (local.get $c) (i32.const 34)) (then
          (local.set $p (call $string (i32.add (local.get $p) (i32.const 1))))
          (if (i32.eqz (local.get $p)) (then (return (i32.const -1))))
          (if (i32.eq (local.get $depth) (i32.const 1)) (then (call $end (local.get $member) (local.get $p))))
          (br $next)))
        (if (i32.eq (i32.or (local.get $c) (i32.const 32)) (i32.const 123)) (then
          ;; { or [
          (local.set $depth (i32.add (local.get $depth) (i32.const 1)))
          (if (i32.gt_u (local.get $depth) (i32.const 2048)) (then (return (i32.const -1))))
          (local.set $isObject (i32.eq (local.get $c) (i32.const 123)))
          (i32.store8 offset=1024 (local.get $depth) (local.get $isObject))
          (if (i32.eq (local.get $depth) (i32.const 3)) (then
            (local.set $hasRole (i32.const 0))
            (local.set $isRole (i32.const 0))))
          (local.set $p (call $space (i32.add (local.get $p) (i32.const 1))))
          ;; An empty one ends at once: `]` and `}` come two after their openings.
          (if (i32.ne (i32.load8_u (local.get $p)) (i32.add (local.get $c) (i32.const 2))) (then
            (local.set $state (local.get $isObject))))
          (br $next)))
        (if (i32.ge_u (local.get $c) (i32.const 97))
          (then (local.set $p (call $word (local.get $p))))
          (else (local.set $p (call $number (local.get $p)))))
        (if (i32.eqz (local.get $p)) (then (return (i32.const -1))))
        (if (i32.eq (local.get $depth) (i32.const 1)) (then (call $end (local.get $member) (local.get $p))))
        (br $next)))

      (if (i32.eq (local.get $state) (i32.const 1)) (then
        (if (i32.ne (local.get $c) (i32.const 34)) (then (return (i32.const -1))))
        (local.set $start (local.get $p))
        (local.set $p (call $string (i32.add (local.get $p) (i32.const 1))))
        (if (i32.eqz (local.get $p)) (then (return (i32.const -1))))
        (if (i32.eq (local.get $depth) (i32.const 1)) (then
          (local.set $member (i32.add (local.get $member) (i32.const 24)))
          (if (i32.gt_u (local.get $member) (i32.const 16072)) (then (return (i32.const -1))))
          (i32.store (local.get $member) (i32.sub (local.get $start) (i32.const 16384)))
          (i32.store offset=4 (local.get $member) (i32.sub (local.get $p) (i32.const 16384)))
          (i64.store offset=16 align=4 (local.get $member) (i64.const 0))))
        (if (i32.eq (local.get $depth) (i32.const 3)) (then
          (if (global.get $escaped) (then (call $flag (local.get $member) (i32.const 4))))
          (local.set $isRole (i32.and
            (i32.eq (i32.sub (local.get $p) (local.get $start)) (i32.const 6))
            (i32.eq (i32.load offset=1 align=1 (local.get $start)) (i32.const 0x656c6f72))))))
        (local.set $p (call $space (local.get $p)))
        (if (i32.ne (i32.load8_u (local.get $p)) (i32.const 58)) (then (return (i32.const -1))))
        (local.set $p (i32.add (local.get $p) (i32.const 1)))
        (local.set $state (i32.const 0))
        (br $next)))

      ;; A comma, or the end of the container: `]` is 93, `}` is 125.
      (if (i32.eq (local.get $c) (i32.const 44)) (then
        (local.set $p (i32.add (local.get $p) (i32.const 1)))
        (local.set $state (local.get $isObject))
        (br $next)))
      (if (i32.ne (local.get $c) (i32.add (i32.const 93) (i32.shl (local.get $isObject) (i32.const 5)))) (then
        (return (i32.const -1))))
      (local.set $p (i32.add (local.get $p) (i32.const 1)))
      (if (i32.and (i32.eq (local.get $depth) (i32.const 3)) (i32.eqz (local.get $hasRole))) (then
        (call $flag (local.get $member) (i32.const 2))))
      (local.set $depth (i32.sub (local.get $depth) (i32.const 1)))
      (local.set $isObject (i32.load8_u offset=1024 (local.get $depth)))
      (if (i32.eq (local.get $depth) (i32.const 1)) (then (call $end (local.get $member) (local.get $p))))
      (br_if $next (local.get $depth)))

    (if (i32.ne (call $space (local.get $p)) (i32.add (local.get $length) (i32.const 16384))) (then
      (return (i32.const -1))))
    (i32.div_u (i32.sub (local.get $member) (i32.const 4072)) (i32.const 24)))

  (func $end (param $member i32) (param $p i32)
    (i32.store offset=12 (local.get $member) (i32.sub (local.get $p) (i32.const 16384))))

  (func $flag (param $member i32) (param $bit i32)
    (i32.store offset=20 (local.get $member) (i32.or (i32.load offset=20 (local.get $member)) (local.get $bit))))
)
