package access

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

const right = "four words are enough"

type fakeClock struct{ at time.Duration }

func (c *fakeClock) now() time.Duration { return c.at }

func keeper(t *testing.T) (*Keeper, *fakeClock, string) {
	t.Helper()
	dir := t.TempDir() + "/access"
	if err := Set(dir, right); err != nil {
		t.Fatal(err)
	}
	c := &fakeClock{at: time.Hour}
	return New(dir, c.now), c, dir
}

func TestLogin(t *testing.T) {
	k, clock, dir := keeper(t)
	token, err := k.Login(t.Context(), "a", right)
	if err != nil || len(token) < 20 {
		t.Fatalf("%q, %v", token, err)
	}
	if _, err := k.Login(t.Context(), "a", right+" "); !errors.Is(err, ErrWrong) {
		t.Errorf("another password: %v", err)
	}
	if _, err := k.Login(t.Context(), "a", strings.Repeat("x", 1<<20)); !errors.Is(err, ErrWrong) {
		t.Errorf("a long one: %v", err)
	}
	if k.Operator("") || k.Operator(token+"x") || !k.Operator(token) {
		t.Error("the token is not what counts")
	}
	clock.at += Idle - time.Second
	if !k.Operator(token) {
		t.Error("ended too early")
	}
	clock.at += Idle - time.Second
	if !k.Operator(token) {
		t.Error("use does not count")
	}
	clock.at += Idle + time.Second
	if k.Operator(token) {
		t.Error("a session without use goes on")
	}
	second, err := k.Login(t.Context(), "a", right)
	if err != nil {
		t.Fatal(err)
	}
	k.Logout(second)
	if k.Operator(second) {
		t.Error("logged out and yet in")
	}
	third, _ := k.Login(t.Context(), "a", right)
	if err := Set(dir, "another long password"); err != nil {
		t.Fatal(err)
	}
	if k.Operator(third) {
		t.Error("a session outlives its password")
	}
	for until := clock.at + longestIn + time.Hour; clock.at < until; clock.at += Idle / 2 {
		k.Operator(third)
	}
	if info, err := os.Stat(fileIn(dir)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
}

func TestNoDefaultPassword(t *testing.T) {
	k := New(t.TempDir(), func() time.Duration { return 1 })
	for _, p := range []string{"", "admin", right} {
		if _, err := k.Login(t.Context(), "a", p); !errors.Is(err, ErrNone) {
			t.Errorf("%q: %v", p, err)
		}
	}
	for _, p := range []string{"", "short", strings.Repeat("x", 200), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
		if err := Set(t.TempDir(), p); err == nil {
			t.Errorf("%q was taken", p)
		}
	}
}

// TestGuessingIsSlow and nobody is locked out: another address gets in while one guesses, and the owner waits a minute
// at most.
func TestGuessingIsSlow(t *testing.T) {
	k, clock, _ := keeper(t)
	tries := 0
	for end := clock.at + 10*time.Minute; clock.at < end; clock.at += 100 * time.Millisecond {
		if err := k.mayTry("thief"); err == nil {
			tries++
		}
	}
	if tries > 25 {
		t.Errorf("%d tries in ten minutes", tries)
	}
	var wait *WaitError
	if _, err := k.Login(t.Context(), "thief", right); !errors.As(err, &wait) || wait.For > longWait+2*time.Second {
		t.Errorf("the address that guessed: %v", err)
	}
	clock.at += totalPace
	if _, err := k.Login(t.Context(), "owner", right); err != nil {
		t.Errorf("the owner: %v", err)
	}
	many := 0
	for end := clock.at + time.Minute; clock.at < end; clock.at += 10 * time.Millisecond { // a thief with many addresses
		if k.mayTry(clock.at.String()) == nil {
			many++
		}
	}
	if many > totalFree+1+int(time.Minute/totalPace) || len(k.tries) > addresses {
		t.Errorf("%d tries in a minute, %d addresses remembered", many, len(k.tries))
	}
}

// TestOneHashAtATime: of many tries side by side some are told to come back, and no more than one takes its memory.
func TestOneHashAtATime(t *testing.T) {
	k, _, _ := keeper(t)
	k.hash <- struct{}{} // a hash runs
	var wg sync.WaitGroup
	busy := make(chan error, 20)
	for i := range 8 {
		wg.Go(func() {
			_, err := k.Login(t.Context(), string(rune('a'+i)), right)
			busy <- err
		})
	}
	for range 8 - waiting {
		if err := <-busy; !errors.Is(err, ErrBusy) {
			t.Errorf("got %v", err)
		}
	}
	<-k.hash
	wg.Wait()
}

func TestDamagedFile(t *testing.T) {
	k, _, dir := keeper(t)
	for _, text := range []string{"", "x", "$argon2id$v=19$m=19456,t=2,p=1$AA", "$argon2id$v=19$m=99999999,t=2,p=1$AAAA$AAAA", "$plain$v=19$x$y$z"} {
		if err := os.WriteFile(fileIn(dir), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Login(t.Context(), text, ""); err == nil || errors.Is(err, ErrWrong) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestCertificateStays(t *testing.T) {
	dir := t.TempDir() + "/access"
	a, err := Certificate(dir, "", "", "park-01")
	if err != nil {
		t.Fatal(err)
	}
	b, err := Certificate(dir, "", "", "other")
	if err != nil || Fingerprint(a) != Fingerprint(b) || len(Fingerprint(a)) != 32*3-1 {
		t.Errorf("%s, %s, %v", Fingerprint(a), Fingerprint(b), err)
	}
	if _, err := Certificate(dir, "/no/such.crt", "/no/such.key", ""); err == nil {
		t.Error("a certificate that is not there was taken")
	}
}

// BenchmarkHash is what one login costs.
func BenchmarkHash(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		key(right, make([]byte, saltSize))
	}
}
