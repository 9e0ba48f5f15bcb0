using System.Text;
using System.Text.Json;

namespace Lean.Engine.Chat.Answers;

/// <summary>
/// Reads calls as Qwen3 and Qwen3-Next write them, after Hermes: an object with name and arguments between
/// &lt;tool_call&gt; and &lt;/tool_call&gt;. Arguments are handed on as they come, in the model's own spelling.
/// </summary>
internal sealed class JsonCallReader : ToolCallReader
{
    private readonly StringBuilder _raw = new();
    private readonly StringBuilder _key = new();
    private readonly StringBuilder _value = new();
    private State _state;
    private string? _name;
    private string? _arguments;
    private bool _begun;
    private int _depth;
    private bool _inString;
    private bool _escaped;
    private int _sent;

    private enum State
    {
        /// <summary>Before the mark, or within it.</summary>
        Mark,

        /// <summary>Before the object.</summary>
        Object,

        /// <summary>Before a key, or the object's end.</summary>
        Key,

        /// <summary>Within a key.</summary>
        InKey,

        /// <summary>Between a key and its value.</summary>
        Colon,

        /// <summary>Within a value.</summary>
        Value,

        /// <summary>Behind a value.</summary>
        AfterValue,

        /// <summary>Behind the object.</summary>
        Close,

        /// <summary>Within something that is no call.</summary>
        Broken,
    }

    /// <inheritdoc/>
    public override bool WasCall => _begun;

    private bool IsArguments => _key.Equals("arguments") || _key.Equals("parameters");

    /// <inheritdoc/>
    public override bool Read(ReadOnlySpan<char> text, bool isEnd, List<AnswerPart> parts, out int taken)
    {
        taken = 0;
        if (_state == State.Mark)
        {
            Begin();
            taken = Open.Length;
        }

        while (taken < text.Length)
        {
            if (_state is State.Close or State.Broken)
            {
                return Finish(text, isEnd, parts, ref taken);
            }

            char c = text[taken++];
            _raw.Append(c);
            Take(c, parts);
            if (_state == State.Broken && c == '<')
            {
                // It may begin the mark that ends the call.
                (taken, _raw.Length) = (taken - 1, _raw.Length - 1);
            }
        }

        if (_state == State.Value)
        {
            Stream(parts);
        }

        return isEnd && Finish(text, isEnd, parts, ref taken);
    }

    private void Begin()
    {
        _raw.Clear().Append(Open);
        (_state, _name, _arguments, _begun) = (State.Object, null, null, false);
    }

    // A reader of one character at a time: values are copied, and where each ends is all that has to be known of it.
    private void Take(char c, List<AnswerPart> parts)
    {
        bool white = c is ' ' or '\n' or '\r' or '\t';
        switch (_state)
        {
            case State.Object:
                _state = white ? State.Object : c == '{' ? State.Key : State.Broken;
                break;
            case State.Key when c == '"':
                _key.Clear();
                (_state, _escaped) = (State.InKey, false);
                break;
            case State.Key:
                _state = white ? State.Key : c == '}' ? State.Close : State.Broken;
                break;
            case State.InKey when c == '"' && !_escaped:
                _state = State.Colon;
                break;
            case State.InKey:
                _key.Append(c);
                _escaped = c == '\\' && !_escaped;
                break;
            case State.Colon when c == ':':
                _value.Clear();
                (_state, _depth, _inString, _escaped, _sent) = (State.Value, 0, false, false, 0);
                break;
            case State.Colon:
                _state = white ? State.Colon : State.Broken;
                break;
            case State.Value:
                Value(c, white, parts);
                break;
            case State.AfterValue:
                _state = c switch
                {
                    ',' => State.Key,
                    '}' => State.Close,
                    _ => white ? State.AfterValue : State.Broken,
                };
                break;
        }
    }

    private void Value(char c, bool white, List<AnswerPart> parts)
    {
        if (_value.Length == 0 && white)
        {
            return;
        }

        bool nested = _depth > 0 || _inString;
        if (!nested && _value.Length > 0 && (white || c is ',' or '}'))
        {
            // Numbers and words end where something else begins.
            EndValue(parts);
            if (_state == State.AfterValue && !white)
            {
                _state = c == ',' ? State.Key : State.Close;
            }

            return;
        }

        _value.Append(c);
        if (_inString)
        {
            _inString = _escaped || c != '"';
            _escaped = c == '\\' && !_escaped;
        }
        else
        {
            _inString = c == '"';
            _depth += c is '{' or '[' ? 1 : c is '}' or ']' ? -1 : 0;
        }

        if (_depth < 0)
        {
            _state = State.Broken;
        }
        else if (_depth == 0 && !_inString && (c is '"' or '}' or ']'))
        {
            EndValue(parts);
        }
    }

    private void EndValue(List<AnswerPart> parts)
    {
        _state = State.AfterValue;
        if (_key.Equals("name"))
        {
            _name = Parse(_value.ToString());
            _state = _name is { Length: > 0 } ? State.AfterValue : State.Broken;
            if (_arguments is { } before)
            {
                BeginCall(parts);
                Send(parts, before);
            }
        }
        else if (IsArguments && _arguments is null)
        {
            Stream(parts);
            string value = _value.ToString();

            // Some models put the object into a string, as OpenAI does.
            _arguments = value.StartsWith('"') ? Parse(value) ?? "" : value == "null" ? "{}" : value;
            if (_name is not null)
            {
                BeginCall(parts);
                Send(parts, _arguments[int.Min(_sent, _arguments.Length)..]);
            }
        }
    }

    // Arguments that are under way can be handed on, once the function's name is known.
    private void Stream(List<AnswerPart> parts)
    {
        if (_name is not null && _arguments is null && IsArguments && _value.Length > _sent && (_value[0] is '{' or '['))
        {
            BeginCall(parts);
            Send(parts, _value.ToString(_sent, _value.Length - _sent));
            _sent = _value.Length;
        }
    }

    private void BeginCall(List<AnswerPart> parts)
    {
        if (!_begun)
        {
            _begun = true;
            parts.Add(new AnswerPart(AnswerPartKind.CallBegin, _name!, Count++));
        }
    }

    private void Send(List<AnswerPart> parts, string text)
    {
        if (text.Length > 0)
        {
            parts.Add(new AnswerPart(AnswerPartKind.CallArguments, text, Count - 1));
        }
    }

    private bool Finish(ReadOnlySpan<char> text, bool isEnd, List<AnswerPart> parts, ref int taken)
    {
        int close = text[taken..].IndexOf(Close, StringComparison.Ordinal);
        if (close < 0 && !isEnd)
        {
            int held = AnswerParser.Held(text[taken..], Close);
            _raw.Append(text[taken..^held]);
            taken = text.Length - held;
            return false;
        }

        int end = close < 0 ? text.Length : taken + close + Close.Length;
        _raw.Append(text[taken..end]);
        taken = end;
        if (_state == State.Close && _name is not null)
        {
            BeginCall(parts);
            Send(parts, _arguments is null ? "{}" : "");
        }

        parts.Add(_begun
            ? new AnswerPart(AnswerPartKind.CallEnd, "", Count - 1)
            : new AnswerPart(AnswerPartKind.Content, _raw.ToString()));
        _state = State.Mark;
        return true;
    }

    private static string? Parse(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.String ? document.RootElement.GetString() : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
