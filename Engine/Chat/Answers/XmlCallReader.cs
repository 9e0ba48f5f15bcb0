using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Answers;

/// <summary>
/// Reads calls as Qwen3.5 and Qwen3-Coder write them: &lt;function=name&gt; with a &lt;parameter=key&gt; for each argument.
/// Values have no quotes there, so a function's schema says which are strings and which are JSON.
/// </summary>
/// <param name="schema">The schema of a function's parameter, or null where none is known.</param>
internal sealed class XmlCallReader(Func<string, string, DictValue?> schema) : ToolCallReader
{
    private const string Function = "<function=";
    private const string FunctionEnd = "</function>";
    private const string Parameter = "<parameter=";
    private const string ParameterEnd = "</parameter>";

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly StringBuilder _raw = new();
    private State _state;
    private string _name = "";
    private string _key = "";
    private bool _isText;
    private bool _first;
    private bool _opened;

    private enum State
    {
        /// <summary>Before the mark.</summary>
        Mark,

        /// <summary>Before a function, or the end of the call.</summary>
        Function,

        /// <summary>Before a parameter, or the function's end.</summary>
        Parameter,

        /// <summary>Within a value.</summary>
        Value,

        /// <summary>Within a string's value, of which a part is out already.</summary>
        Text,
    }

    private enum Progress
    {
        /// <summary>On to the next state.</summary>
        Goes,

        /// <summary>More text is needed.</summary>
        Waits,

        /// <summary>The call is over, or was none.</summary>
        Done,
    }

    /// <inheritdoc/>
    public override bool WasCall => _opened;

    /// <inheritdoc/>
    /// <remarks>Models leave the outer mark out now and then.</remarks>
    public override int Find(ReadOnlySpan<char> text)
    {
        int open = base.Find(text), function = text.IndexOf(Function, StringComparison.Ordinal);
        return open < 0 ? function : function < 0 ? open : int.Min(open, function);
    }

    /// <inheritdoc/>
    public override int Held(ReadOnlySpan<char> text) => int.Max(base.Held(text), AnswerParser.Held(text, Function));

    /// <inheritdoc/>
    public override bool Read(ReadOnlySpan<char> text, bool isEnd, List<AnswerPart> parts, out int taken)
    {
        taken = 0;
        if (_state == State.Mark)
        {
            _raw.Clear();
            bool marked = text.StartsWith(Open, StringComparison.Ordinal);
            Take(text, marked ? Open.Length : 0, ref taken);
            (_state, _opened) = (State.Function, false);
        }

        for (; ; )
        {
            Progress progress = _state switch
            {
                State.Function => ReadFunction(text, parts, ref taken),
                State.Parameter => ReadParameter(text, parts, ref taken),
                _ => ReadValue(text, parts, ref taken),
            };
            if (progress == Progress.Done || (progress == Progress.Waits && isEnd))
            {
                Finish(text, isEnd, parts, ref taken);
                return true;
            }

            if (progress == Progress.Waits)
            {
                return false;
            }
        }
    }

    private Progress ReadFunction(ReadOnlySpan<char> text, List<AnswerPart> parts, ref int taken)
    {
        ReadOnlySpan<char> rest = SkipWhite(text, ref taken);
        if (rest.StartsWith(Close, StringComparison.Ordinal))
        {
            Take(text, Close.Length, ref taken);
            return Progress.Done;
        }

        if (Undecided(rest, Close) || Undecided(rest, Function))
        {
            return Progress.Waits;
        }

        if (!rest.StartsWith(Function, StringComparison.Ordinal))
        {
            return Progress.Done;
        }

        int end = rest.IndexOf('>');
        if (end < 0)
        {
            return Progress.Waits;
        }

        _name = rest[Function.Length..end].Trim().ToString();
        Take(text, end + 1, ref taken);
        parts.Add(new AnswerPart(AnswerPartKind.CallBegin, _name, Count++));
        parts.Add(new AnswerPart(AnswerPartKind.CallArguments, "{", Count - 1));
        (_state, _first, _opened) = (State.Parameter, true, true);
        return Progress.Goes;
    }

    private Progress ReadParameter(ReadOnlySpan<char> text, List<AnswerPart> parts, ref int taken)
    {
        ReadOnlySpan<char> rest = SkipWhite(text, ref taken);
        if (rest.StartsWith(FunctionEnd, StringComparison.Ordinal) || rest.StartsWith(Close, StringComparison.Ordinal))
        {
            Take(text, rest.StartsWith(FunctionEnd, StringComparison.Ordinal) ? FunctionEnd.Length : 0, ref taken);
            EndCall(parts);
            return Progress.Goes;
        }

        if (Undecided(rest, FunctionEnd) || Undecided(rest, Parameter) || Undecided(rest, Close))
        {
            return Progress.Waits;
        }

        if (!rest.StartsWith(Parameter, StringComparison.Ordinal))
        {
            return Progress.Done;
        }

        int end = rest.IndexOf('>');
        if (end < 0)
        {
            return Progress.Waits;
        }

        _key = rest[Parameter.Length..end].Trim().ToString();
        _isText = IsText(schema(_name, _key));
        Take(text, end + 1, ref taken);
        Send(parts, $"{(_first ? "" : ", ")}{Quoted(_key)}: ");
        (_state, _first) = (State.Value, false);
        return Progress.Goes;
    }

    // A line break behind the mark and one before the next are not the value's.
    private Progress ReadValue(ReadOnlySpan<char> text, List<AnswerPart> parts, ref int taken)
    {
        ReadOnlySpan<char> rest = text[taken..];
        if (_state == State.Value && rest.IsEmpty)
        {
            return Progress.Waits;
        }

        int end = rest.IndexOf(ParameterEnd, StringComparison.Ordinal);
        if (end < 0 && !_isText)
        {
            return Progress.Waits;
        }

        if (_state == State.Value)
        {
            int skipped = rest[0] == '\n' ? 1 : 0;
            Take(text, skipped, ref taken);
            rest = rest[skipped..];
            end -= skipped;
            if (_isText)
            {
                Send(parts, "\"");
                _state = State.Text;
            }
        }

        if (_isText)
        {
            int held = AnswerParser.Held(rest, ParameterEnd);
            ReadOnlySpan<char> certain = end >= 0 ? WithoutLineBreak(rest[..end]) : rest[..^(held + (rest[..^held].EndsWith('\n') ? 1 : 0))];
            Send(parts, Quoted(certain)[1..^1]);
            if (end < 0)
            {
                Take(text, certain.Length, ref taken);
                return Progress.Waits;
            }

            Send(parts, "\"");
        }
        else
        {
            Send(parts, Json(WithoutLineBreak(rest[..end])));
        }

        Take(text, end + ParameterEnd.Length, ref taken);
        _state = State.Parameter;
        return Progress.Goes;
    }

    private void EndCall(List<AnswerPart> parts)
    {
        Send(parts, "}");
        parts.Add(new AnswerPart(AnswerPartKind.CallEnd, "", Count - 1));
        _state = State.Function;
    }

    // What does not go on as a call should ends it where it stands, or was none.
    private void Finish(ReadOnlySpan<char> text, bool isEnd, List<AnswerPart> parts, ref int taken)
    {
        if (!_opened)
        {
            if (isEnd)
            {
                Take(text, text.Length - taken, ref taken);
            }

            parts.Add(new AnswerPart(AnswerPartKind.Content, _raw.ToString()));
        }
        else if (_state == State.Parameter)
        {
            EndCall(parts);
        }
        else if (_state is State.Value or State.Text)
        {
            parts.Add(new AnswerPart(AnswerPartKind.CallEnd, "", Count - 1));
        }

        _state = State.Mark;
    }

    private void Send(List<AnswerPart> parts, string text)
    {
        if (text.Length > 0)
        {
            parts.Add(new AnswerPart(AnswerPartKind.CallArguments, text, Count - 1));
        }
    }

    private ReadOnlySpan<char> SkipWhite(ReadOnlySpan<char> text, ref int taken)
    {
        ReadOnlySpan<char> rest = text[taken..].TrimStart();
        Take(text, text.Length - taken - rest.Length, ref taken);
        return rest;
    }

    private void Take(ReadOnlySpan<char> text, int length, ref int taken)
    {
        _raw.Append(text.Slice(taken, length));
        taken += length;
    }

    private static bool Undecided(ReadOnlySpan<char> text, string mark) => text.Length < mark.Length && mark.AsSpan().StartsWith(text, StringComparison.Ordinal);

    private static ReadOnlySpan<char> WithoutLineBreak(ReadOnlySpan<char> value) => value.EndsWith('\n') ? value[..^1] : value;

    // Where no schema says what a value is, it is a text, unless it can be nothing but JSON.
    private static bool IsText(DictValue? schema)
    {
        if (schema is null || !schema.TryGet("type", out object? type))
        {
            return schema is not null && schema.TryGet("enum", out object? among) && among is ListValue { Items: var items } && items.All(static i => i is string);
        }

        return type is "string";
    }

    private static string Json(ReadOnlySpan<char> value)
    {
        string text = value.ToString(), trimmed = text.Trim();
        string json = trimmed switch
        {
            // As the template's tojson and Python's str differ, so do models.
            "True" => "true",
            "False" => "false",
            "None" => "null",
            _ => trimmed,
        };
        try
        {
            using var document = JsonDocument.Parse(json);
            return json;
        }
        catch (JsonException)
        {
            return Quoted(text);
        }
    }

    private static string Quoted(ReadOnlySpan<char> text)
    {
        var bytes = new ArrayBufferWriter<byte>(text.Length + 2);
        using (var json = new Utf8JsonWriter(bytes, Options))
        {
            json.WriteStringValue(text);
        }

        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }
}
