namespace Lean.Engine.Text;

/// <summary>What the text of a special token means inside a text that is encoded.</summary>
internal enum SpecialTokens
{
    /// <summary>Ordinary text: what a user wrote cannot become a control token.</summary>
    AsText,

    /// <summary>The token itself: the text is a rendered chat template.</summary>
    Parse,
}
