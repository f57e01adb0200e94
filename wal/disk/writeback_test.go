package disk

import "testing"

// Pieces are whole pages, within the bounds, and few enough that the rests between them stay short.
func TestPieceOf(t *testing.T) {
	for n := int64(0); n < 64<<20; n = n*5/4 + 1 {
		piece := PieceOf(n)
		if piece%4096 != 0 || piece < leastPiece || piece > WriteBackPiece {
			t.Errorf("%d bytes: pieces of %d", n, piece)
		}
		if count := n / piece; count > usualPieces && piece < WriteBackPiece {
			t.Errorf("%d bytes: %d pieces", n, count)
		}
	}
	if PieceOf(1<<20) != leastPiece || PieceOf(1<<30) != WriteBackPiece {
		t.Error("the bounds are not reached")
	}
}
