using Lean.Engine.Chat.Jinja.Expressions;
using Lean.Engine.Chat.Jinja.Statements;
using Lean.Tensors;

namespace Lean.Engine.Chat.Jinja.Syntax;

/// <summary>Reads a template's statements, by Jinja's grammar.</summary>
internal sealed class Parser
{
    private readonly TokenStream _stream;
    private readonly ExpressionParser _expressions;
    private readonly TargetParser _targets;
    private readonly Names _names;
    private readonly MacroNames _macroNames = new();
    private readonly List<string> _tags = [];
    private readonly List<string[]> _ends = [];
    private bool _loops;

    /// <param name="tokens">The template.</param>
    /// <param name="names">Gets the variables that it names.</param>
    public Parser(List<Token> tokens, Names names)
    {
        _stream = new TokenStream(tokens);
        _names = names;
        _expressions = new ExpressionParser(_stream, names) { NameRead = _macroNames.Read };
        _targets = new TargetParser(_stream, names);
    }

    /// <summary>The line that is being read.</summary>
    public int Line { get; private set; } = 1;

    /// <summary>The whole template.</summary>
    /// <exception cref="InputException">It is no template.</exception>
    public Body Parse()
    {
        Body body;
        try
        {
            body = ParseBody([]);
        }
        catch (InputException)
        {
            Line = _stream.Line;
            throw;
        }

        if (_expressions.Unknown.Count > 0)
        {
            Line = _expressions.Unknown[0].Line;
            throw Fault.Of("TemplateAssertionError", _expressions.Unknown[0].Message);
        }

        return body;
    }

    // Statements up to one of some words; the word is next then.
    private Body ParseBody(string[] ends)
    {
        if (_ends.Count > Limits.StatementDepth)
        {
            throw Fault.Limit($"statements lie too deep inside each other: expected at most {Limits.StatementDepth} levels");
        }

        List<Statement> statements = [];
        _ends.Add(ends);
        while (true)
        {
            Token token = _stream.Current;
            switch (token.Kind)
            {
                case TokenKind.Data:
                    _stream.Next();
                    statements.Add(new TextOutput(token.Line, token.Text));
                    break;
                case TokenKind.VariableBegin:
                    _stream.Next();
                    statements.Add(new ValueOutput(token.Line, _expressions.ParseTuple()));
                    _stream.Expect(TokenKind.VariableEnd);
                    break;
                case TokenKind.BlockBegin:
                    _stream.Next();
                    if (_stream.Current.Kind == TokenKind.Name && Array.IndexOf(ends, _stream.Current.Text) >= 0)
                    {
                        _ends.RemoveAt(_ends.Count - 1);
                        return new Body([.. statements]);
                    }

                    statements.Add(ParseStatement());
                    _stream.Expect(TokenKind.BlockEnd);
                    break;
                default:
                    return ends.Length == 0 ? new Body([.. statements]) : throw UnknownTag(null);
            }
        }
    }

    // A body that one word ends.
    private Body ParseBodyTo(string end)
    {
        _stream.Expect(TokenKind.BlockEnd);
        Body body = ParseBody([end]);
        _stream.Next();
        return body;
    }

    private Statement ParseStatement()
    {
        Token tag = _stream.Current.Kind == TokenKind.Name ? _stream.Next() : throw Fault.Syntax("tag name expected");
        _tags.Add(tag.Text);
        bool lenient = _expressions.IsLenient;
        Statement statement = tag.Text switch
        {
            "if" => ParseIf(tag.Line),
            "for" => ParseFor(tag.Line),
            "set" => ParseSet(tag.Line),
            "macro" => ParseMacro(tag.Line),
            "call" => ParseCall(tag.Line),
            "filter" => ParseFilter(tag.Line),
            "with" => ParseWith(tag.Line),
            "break" => LoopControl(tag.Line, Flow.Break),
            "continue" => LoopControl(tag.Line, Flow.Continue),
            "generation" => new Generation(tag.Line, ParseBodyTo("endgeneration")),
            "print" => new ValueOutput(tag.Line, _expressions.ParseTuple()),
            "block" => ParseBlock(tag.Line),
            "autoescape" => new Autoescape(tag.Line, _expressions.Parse(), ParseBodyTo("endautoescape")),
            "include" or "import" or "from" or "extends" => SkipTag(tag.Line),
            _ => throw UnknownTag(tag.Text),
        };
        _expressions.IsLenient = lenient;
        _tags.RemoveAt(_tags.Count - 1);
        return statement;
    }

    private If ParseIf(int line)
    {
        List<(Expression, Body)> branches = [];
        _expressions.IsLenient = true;
        while (true)
        {
            Expression test = _expressions.ParseTuple(conditional: false);
            _stream.Expect(TokenKind.BlockEnd);
            branches.Add((test, ParseBody(["elif", "else", "endif"])));
            string word = _stream.Next().Text;
            if (word == "elif")
            {
                continue;
            }

            return new If(line, [.. branches], word == "else" ? ParseBodyTo("endif") : null);
        }
    }

    private For ParseFor(int line)
    {
        bool inLoop = _targets.IsInLoop;
        _targets.IsInLoop = true;
        Target target = _targets.Parse(tuples: true, attributes: false, end: "in");
        if (!_stream.SkipName("in"))
        {
            throw _stream.Expected("in");
        }

        Expression values = _expressions.ParseTuple(conditional: false, end: "recursive");
        _expressions.IsLenient = false;
        Expression? test = _stream.SkipName("if") ? _expressions.Parse() : null;
        bool recursive = _stream.SkipName("recursive");
        _stream.Expect(TokenKind.BlockEnd);
        bool loops = _loops;
        _loops = true;
        Body body = ParseBody(["endfor", "else"]);
        _loops = loops;
        Body? otherwise = _stream.Next().Text == "else" ? ParseBodyTo("endfor") : null;
        _targets.IsInLoop = inLoop;
        return new For(line, target, values, test, recursive, body, otherwise, _names.Add("loop"));
    }

    private Statement ParseSet(int line)
    {
        Target target = _targets.Parse(tuples: true, attributes: true, end: null);
        if (_stream.Skip("="))
        {
            return new Set(line, target, _expressions.ParseTuple());
        }

        _expressions.IsLenient = false;
        FilterApplication? filter = _stream.Skip("|") ? _expressions.ParseFilters() : null;
        return new SetBlock(line, target, filter, ParseBodyTo("endset"));
    }

    private Macro ParseMacro(int line)
    {
        string name = _stream.Expect(TokenKind.Name).Text;
        return new Macro(line, _names.Add(name), ParseDefinition(name, "endmacro", static _ => { }));
    }

    private CallBlock ParseCall(int line)
    {
        Call? call = null;
        MacroDefinition body = ParseDefinition(null, "endcall", _ => call = _expressions.Parse() as Call ?? throw Fault.Syntax("expected call"));
        return new CallBlock(line, call!, body);
    }

    // Parameters, what stands between them and the tag's end, and a body.
    private MacroDefinition ParseDefinition(string? name, string end, Action<TokenStream> head)
    {
        bool loops = _loops;
        List<(string, int, Expression?)> parameters = [];
        if (name is not null || _stream.Current.Is("("))
        {
            ParseParameters(parameters);
        }

        head(_stream);
        (_loops, _expressions.IsLenient) = (false, false);
        _macroNames.Enter();
        Body body = ParseBodyTo(end);
        (bool varargs, bool kwargs, bool caller) = _macroNames.Leave();
        _loops = loops;
        return new MacroDefinition(name, [.. parameters], body, (Extra("varargs", varargs), Extra("kwargs", kwargs), Extra("caller", caller)));

        int Extra(string extra, bool read) => read && !parameters.Exists(p => p.Item1 == extra) ? _names.Add(extra) : -1;
    }

    private void ParseParameters(List<(string Name, int Number, Expression? Default)> parameters)
    {
        _stream.Expect("(");
        while (!_stream.Current.Is(")"))
        {
            if (parameters.Count > 0)
            {
                _stream.Expect(",");
            }

            string name = _targets.ParseName();
            Expression? fallback = _stream.Skip("=") ? _expressions.Parse() : null;
            if (fallback is null && parameters.Exists(static p => p.Default is not null))
            {
                throw Fault.Syntax("non-default argument follows default argument");
            }

            parameters.Add((name, _names.Add(name), fallback));
        }

        _stream.Expect(")");
    }

    private FilterBlock ParseFilter(int line)
    {
        FilterApplication filter = _expressions.ParseFilters()!;
        _expressions.IsLenient = false;
        return new FilterBlock(line, filter, ParseBodyTo("endfilter"));
    }

    private With ParseWith(int line)
    {
        List<(Target, Expression)> assignments = [];
        while (_stream.Current.Kind != TokenKind.BlockEnd)
        {
            if (assignments.Count > 0)
            {
                _stream.Expect(",");
            }

            Target target = _targets.Parse(tuples: true, attributes: false, end: null);
            _stream.Expect("=");
            assignments.Add((target, _expressions.Parse()));
        }

        _expressions.IsLenient = false;
        return new With(line, [.. assignments], ParseBodyTo("endwith"));
    }

    private Block ParseBlock(int line)
    {
        string name = _stream.Expect(TokenKind.Name).Text;
        bool scoped = _stream.SkipName("scoped");
        _stream.SkipName("required");
        _expressions.IsLenient = false;
        bool loops = _loops;
        _loops = false;
        Body body = ParseBodyTo("endblock");
        _loops = loops;
        _stream.SkipName(name);
        return new Block(line, scoped, body);
    }

    private OtherTemplate SkipTag(int line)
    {
        while (_stream.Current.Kind is not (TokenKind.BlockEnd or TokenKind.End))
        {
            _stream.Next();
        }

        return new OtherTemplate(line);
    }

    private LoopControl LoopControl(int line, Flow flow) => _loops
        ? new LoopControl(line, flow)
        : throw Fault.Of("SyntaxError", flow == Flow.Break ? "'break' outside loop" : "'continue' not properly in loop");

    private InputException UnknownTag(string? name)
    {
        string looking = _ends.Count > 0 ? string.Join(" or ", _ends[^1].Select(static e => $"'{e}'")) : "";
        int around = _tags.Count - (name is null ? 1 : 2);
        string message = name is null ? "Unexpected end of template." : $"Encountered unknown tag {Formatting.Quoting.Quote(name)}.";
        message += looking.Length == 0 ? ""
            : name is not null && _ends.Exists(e => e.Contains(name))
                ? $" You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for {looking}."
                : $" Jinja was looking for the following tags: {looking}.";
        return Fault.Syntax(message + (around >= 0 ? $" The innermost block that needs to be closed is '{_tags[around]}'." : ""));
    }
}
