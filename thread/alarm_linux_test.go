package thread

import (
	"testing"
	"time"
)

// An alarm goes off once it is due, not before, however often it was put off; one that went off while nobody waited is not lost.
func TestAlarm(t *testing.T) {
	a, err := NewAlarm()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	began := time.Now()
	a.Set(time.Microsecond)
	for range 3 {
		a.Set(time.Hour)
	}
	a.Set(20 * time.Millisecond)
	a.Wait()
	if took := time.Since(began); took < 20*time.Millisecond {
		t.Errorf("it went off after %v", took)
	}
	a.Set(0)
	time.Sleep(time.Millisecond)
	a.Wait()
}
