// Package access decides who may operate the page: one operator's password, sessions, and how often it may be guessed.
//
// Promises: there is no default password; without one nobody logs in. The first one is set on the machine itself
// (Set). A password is hashed with argon2id, one at a time, because a hash takes 19 MiB of a small board's memory.
// Guessing is slowed down per address and in total, but nobody is ever locked out: the owner waits a minute at most.
// Sessions live in memory and end after a time without use, with the process, and with a new password.
//
// What it does not do: movement. That takes somebody at the machine as well.
package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Cost of a hash: the second recommendation of OWASP for argon2id, 45 ms on a PC, some 0.5 s on a Pi 3.
const (
	hashTime   = 2
	hashMemory = 19 << 10 // KiB
	hashSize   = 32
	saltSize   = 16
)

// Bounds of a password, in characters.
const (
	Shortest = 10
	longest  = 128
)

// Times of a session, and how guessing is slowed down.
const (
	Idle      = 15 * time.Minute
	longestIn = 12 * time.Hour
	freeTries = 3           // of one address
	firstWait = time.Second // doubles with every further try
	longWait  = time.Minute
	totalPace = 2 * time.Second // between tries that fail, all addresses together, once several have
	totalFree = 10
	addresses = 256 // remembered
	sessions  = 32
	waiting   = 4 // tries that may wait for the one hash
)

// Reasons for which nobody is let in.
var (
	ErrWrong = errors.New("wrong password")
	ErrNone  = errors.New("no password is set: run lotusgate password on the machine")
	ErrBusy  = errors.New("too many tries at once")
)

// WaitError asks to wait before the next try.
type WaitError struct{ For time.Duration }

func (e *WaitError) Error() string { return fmt.Sprintf("wait %v before the next try", e.For) }

// Keeper knows who is logged in. Safe for concurrent use.
type Keeper struct {
	file  string
	now   func() time.Duration // monotonic
	hash  chan struct{}        // one slot
	queue chan struct{}

	mu       sync.Mutex
	sessions map[[32]byte]session
	tries    map[string]try
	total    try
}

type session struct {
	began, used time.Duration
	password    string // stored form that opened it
}

type try struct {
	failed int
	next   time.Duration // not before
	last   time.Duration
}

// file of the password in the directory of the keeper.
func fileIn(dir string) string { return filepath.Join(dir, "operator") }

// New makes a keeper of the password in dir. now is a monotonic clock.
func New(dir string, now func() time.Duration) *Keeper {
	return &Keeper{
		file: fileIn(dir), now: now, hash: make(chan struct{}, 1), queue: make(chan struct{}, waiting),
		sessions: map[[32]byte]session{}, tries: map[string]try{},
	}
}

// Set stores a new password; it is on the disk when Set returns.
func Set(dir, password string) error {
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password) || n > longest:
		return fmt.Errorf("access: a password has at most %d characters", longest)
	case n < Shortest:
		return fmt.Errorf("access: %d characters are too few: use at least %d, such as four words", n, Shortest)
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("access: %w", err)
	}
	line := fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s\n", argon2.Version, hashMemory, hashTime, b64(salt), b64(key(password, salt)))
	if err := write(fileIn(dir), line); err != nil {
		return fmt.Errorf("access: store the password: %w", err)
	}
	return nil
}

// NewPassword makes a password of 60 random bits that is easy to read out and to type on a phone: k3fq-7xwz-2m5p.
func NewPassword() string {
	code := strings.ToLower(rand.Text())
	return code[:4] + "-" + code[4:8] + "-" + code[8:12]
}

// write replaces a file so that a power cut leaves the old or the new one. It belongs to whom the directory belongs.
func write(name, text string) error {
	f, err := os.CreateTemp(filepath.Dir(name), "*.tmp")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	_, err = f.WriteString(text)
	err = errors.Join(err, sameOwner(f), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func key(password string, salt []byte) []byte {
	return argon2.IDKey([]byte(password), salt, hashTime, hashMemory, 1, hashSize)
}

func b64(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }

// stored is the password's stored form as it is on the disk now: a new one needs no restart.
func (k *Keeper) stored() (string, error) {
	b, err := os.ReadFile(k.file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", ErrNone
	case err != nil:
		return "", fmt.Errorf("access: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// matches hashes password as stored says. Only the cost that Set uses is accepted, so that a file cannot ask for more.
func matches(stored, password string) (bool, error) {
	var version, memory, passes int
	parts := strings.Split(stored, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, errors.New("access: the password file is damaged: run lotusgate password again")
	}
	_, err1 := fmt.Sscanf(parts[2], "v=%d", &version)
	_, err2 := fmt.Sscanf(parts[3], "m=%d,t=%d,p=1", &memory, &passes)
	salt, err3 := base64.RawStdEncoding.DecodeString(parts[4])
	want, err4 := base64.RawStdEncoding.DecodeString(parts[5])
	if errors.Join(err1, err2, err3, err4) != nil || version != argon2.Version || memory != hashMemory || passes != hashTime || len(want) != hashSize {
		return false, errors.New("access: the password file is damaged: run lotusgate password again")
	}
	return subtle.ConstantTimeCompare(want, key(password, salt)) == 1, nil
}

// Login checks a password that came from an address, and returns the token of a new session.
func (k *Keeper) Login(ctx context.Context, address, password string) (token string, err error) {
	stored, err := k.stored()
	if err != nil {
		return "", err
	}
	if err := k.mayTry(address); err != nil {
		return "", err
	}
	select {
	case k.queue <- struct{}{}:
		defer func() { <-k.queue }()
	default:
		return "", ErrBusy
	}
	select {
	case k.hash <- struct{}{}:
		defer func() { <-k.hash }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	right := false
	if utf8.RuneCountInString(password) <= longest {
		if right, err = matches(stored, password); err != nil {
			return "", err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !right {
		return "", ErrWrong
	}
	delete(k.tries, address)
	k.total = try{}
	token = rand.Text()
	k.forget()
	k.sessions[sha256.Sum256([]byte(token))] = session{began: k.now(), used: k.now(), password: stored}
	return token, nil
}

// mayTry counts a try as failed before it is made, so that tries side by side gain nothing; success forgives.
func (k *Keeper) mayTry(address string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	t := k.tries[address]
	if now-t.last > time.Hour {
		t = try{}
	}
	if now-k.total.last > time.Hour {
		k.total = try{}
	}
	if wait := max(t.next, k.total.next) - now; wait > 0 {
		return &WaitError{For: wait.Round(time.Second) + time.Second}
	}
	t.failed++
	t.last = now
	if over := t.failed - freeTries; over >= 0 {
		t.next = now + min(longWait, firstWait<<min(over, 10))
	}
	k.total.failed++
	k.total.last = now
	if k.total.failed > totalFree {
		k.total.next = now + totalPace
	}
	if len(k.tries) >= addresses {
		var oldest string
		for a, other := range k.tries {
			if oldest == "" || other.last < k.tries[oldest].last {
				oldest = a
			}
		}
		delete(k.tries, oldest)
	}
	k.tries[address] = t
	return nil
}

// forget drops sessions that ended, and the oldest one where there are too many. The caller holds mu.
func (k *Keeper) forget() {
	now := k.now()
	var oldest [32]byte
	first := true
	for id, s := range k.sessions {
		if now-s.used > Idle || now-s.began > longestIn {
			delete(k.sessions, id)
		} else if first || s.used < k.sessions[oldest].used {
			oldest, first = id, false
		}
	}
	if len(k.sessions) >= sessions {
		delete(k.sessions, oldest)
	}
}

// Operator tells whether token is that of a session, and counts this as use of it.
func (k *Keeper) Operator(token string) bool {
	if token == "" {
		return false
	}
	stored, err := k.stored()
	if err != nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	id := sha256.Sum256([]byte(token))
	s, ok := k.sessions[id]
	now := k.now()
	if !ok {
		return false
	}
	if now-s.used > Idle || now-s.began > longestIn || s.password != stored {
		delete(k.sessions, id)
		return false
	}
	s.used = now
	k.sessions[id] = s
	return true
}

// Logout ends a session.
func (k *Keeper) Logout(token string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.sessions, sha256.Sum256([]byte(token)))
}
