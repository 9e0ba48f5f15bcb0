using System.Text;

namespace Lean.Engine.Chat.Answers;

/// <summary>
/// Takes a model's answer apart as it comes: what it thinks, what it says, which functions it calls. The pieces do not
/// depend on how the text was cut on its way here. What may still become a mark is held back until it is decided.
/// </summary>
internal sealed class AnswerParser
{
    private const string ThinkOpen = "<think>";
    private const string ThinkClose = "</think>";

    // White space before a mark is no part of the text; a longer run is text all the same, so that little is held back.
    private const int MostWhiteSpace = 256;

    private readonly ToolCallReader? _calls;
    private readonly StringBuilder _pending = new();
    private State _state;
    private bool _trims;

    /// <param name="thinks">Whether the prompt ends within the model's thoughts.</param>
    /// <param name="calls">Reads calls, or null where none are looked for.</param>
    public AnswerParser(bool thinks, ToolCallReader? calls)
    {
        (_calls, _state, _trims) = (calls, thinks ? State.Reasoning : State.Start, thinks);
    }

    private enum State
    {
        Start,
        Reasoning,
        Content,
        Call,
    }

    /// <summary>Calls begun so far.</summary>
    public int Calls => _calls?.Count ?? 0;

    /// <summary>Takes a piece of the text.</summary>
    /// <param name="text">The piece.</param>
    /// <param name="parts">Receives what is certain now.</param>
    public void Append(ReadOnlySpan<char> text, List<AnswerPart> parts)
    {
        _pending.Append(text);
        Advance(parts, isEnd: false);
    }

    /// <summary>Ends the text.</summary>
    /// <param name="parts">Receives what was held back.</param>
    public void End(List<AnswerPart> parts) => Advance(parts, isEnd: true);

    /// <summary>How much of a text's end may be the beginning of a mark.</summary>
    internal static int Held(ReadOnlySpan<char> text, string mark)
    {
        for (int length = int.Min(mark.Length - 1, text.Length); length > 0; length--)
        {
            if (mark.AsSpan().StartsWith(text[^length..]))
            {
                return length;
            }
        }

        return 0;
    }

    private void Advance(List<AnswerPart> parts, bool isEnd)
    {
        string text = _pending.ToString();
        int at = 0;
        bool goesOn = true;
        while (goesOn)
        {
            goesOn = Step(text.AsSpan(at), isEnd, parts, out int taken);
            at += taken;
        }

        _pending.Clear();
        if (!isEnd)
        {
            _pending.Append(text.AsSpan(at));
        }
    }

    // Takes what can be taken in one state; false where the rest has to wait for more.
    private bool Step(ReadOnlySpan<char> text, bool isEnd, List<AnswerPart> parts, out int taken)
    {
        switch (_state)
        {
            case State.Start:
                return Start(text, isEnd, out taken);
            case State.Reasoning:
                return Plain(text, AnswerPartKind.Reasoning, isEnd, parts, out taken);
            case State.Content:
                return Plain(text, AnswerPartKind.Content, isEnd, parts, out taken);
            default:
                bool isDone = _calls!.Read(text, isEnd, parts, out taken);
                (_state, _trims) = isDone ? (State.Content, _calls.WasCall) : (_state, _trims);
                return isDone;
        }
    }

    private bool Start(ReadOnlySpan<char> text, bool isEnd, out int taken)
    {
        ReadOnlySpan<char> rest = text.TrimStart();
        int white = text.Length - rest.Length;
        taken = 0;
        if (white < MostWhiteSpace && rest.StartsWith(ThinkOpen, StringComparison.Ordinal))
        {
            taken = white + ThinkOpen.Length;
            (_state, _trims) = (State.Reasoning, true);
            return true;
        }

        if (!isEnd && white < MostWhiteSpace && ThinkOpen.AsSpan().StartsWith(rest, StringComparison.Ordinal))
        {
            return false;
        }

        _state = State.Content;
        return true;
    }

    private bool Plain(ReadOnlySpan<char> text, AnswerPartKind kind, bool isEnd, List<AnswerPart> parts, out int taken)
    {
        taken = 0;
        if (_trims)
        {
            ReadOnlySpan<char> rest = text.TrimStart();
            taken = text.Length - rest.Length;
            if (rest.IsEmpty)
            {
                return false;
            }

            _trims = false;
            text = rest;
        }

        int found = kind == AnswerPartKind.Reasoning ? text.IndexOf(ThinkClose, StringComparison.Ordinal) : _calls?.Find(text) ?? -1;
        ReadOnlySpan<char> certain = found >= 0 ? text[..(found - WhiteSpace(text[..found]))]
            : isEnd ? text
            : text[..^HeldBack(text, kind)];
        if (!certain.IsEmpty)
        {
            parts.Add(new AnswerPart(kind, certain.ToString()));
        }

        if (found < 0)
        {
            taken += certain.Length;
            return false;
        }

        taken += found;
        if (kind == AnswerPartKind.Reasoning)
        {
            taken += ThinkClose.Length;
            (_state, _trims) = (State.Content, true);
        }
        else
        {
            _state = State.Call;
        }

        return true;
    }

    // What may become a mark, and white space before it.
    private int HeldBack(ReadOnlySpan<char> text, AnswerPartKind kind)
    {
        if (kind == AnswerPartKind.Content && _calls is null)
        {
            return 0;
        }

        int held = kind == AnswerPartKind.Reasoning ? Held(text, ThinkClose) : _calls!.Held(text);
        return held + WhiteSpace(text[..^held]);
    }

    private static int WhiteSpace(ReadOnlySpan<char> text) => int.Min(text.Length - text.TrimEnd().Length, MostWhiteSpace);
}
