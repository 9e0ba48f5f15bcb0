namespace Lean.Engine.Chat.Answers;

/// <summary>A piece of an answer.</summary>
/// <param name="Kind">What it is a piece of.</param>
/// <param name="Text">Text, a function's name, or a piece of its arguments.</param>
/// <param name="Call">Which call it belongs to, from 0.</param>
internal readonly record struct AnswerPart(AnswerPartKind Kind, string Text, int Call = 0);

/// <summary>What pieces of an answer can be.</summary>
internal enum AnswerPartKind
{
    /// <summary>What the model says.</summary>
    Content,

    /// <summary>What it thinks before.</summary>
    Reasoning,

    /// <summary>It begins to call a function; the text is the function's name.</summary>
    CallBegin,

    /// <summary>A piece of the JSON of a call's arguments.</summary>
    CallArguments,

    /// <summary>The call is complete.</summary>
    CallEnd,
}
