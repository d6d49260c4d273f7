// Error replies: texts that a client sees.
//
// The texts are Redis's, byte for byte, because clients match on them. A room declares its own as
// constants of type Error, so that they compare with == and cost no allocation.

package resp

// Error is an error reply without the leading '-': an upper-case code, a blank, a sentence.
type Error string

// Error returns the text.
func (e Error) Error() string { return string(e) }
