namespace Lean.Engine.Text;

/// <summary>What the known split patterns tell apart; every code point is one of these.</summary>
internal enum CharKind : byte
{
    /// <summary>Punctuation, symbols, controls and the rest.</summary>
    Other,

    /// <summary>\p{L}</summary>
    Letter,

    /// <summary>\p{M}</summary>
    Mark,

    /// <summary>\p{N}</summary>
    Number,

    /// <summary>\s but a line end.</summary>
    Space,

    /// <summary>\r or \n</summary>
    LineEnd,
}
