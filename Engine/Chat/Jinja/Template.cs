using Lean.Engine.Chat.Jinja.Globals;
using Lean.Engine.Chat.Jinja.Statements;
using Lean.Engine.Chat.Jinja.Syntax;
using Lean.Engine.Chat.Jinja.Values;
using Lean.Tensors;

namespace Lean.Engine.Chat.Jinja;

/// <summary>
/// A Jinja template in the dialect of chat templates: the sandboxed environment that transformers sets up, with
/// trim_blocks, lstrip_blocks, loop controls, its tojson, raise_exception, strftime_now and generation blocks. Read once;
/// may render on several threads at a time. Whatever a template holds or does, it ends in its text or in an
/// <see cref="InputException"/>.
/// </summary>
internal sealed class Template
{
    private readonly string _name;
    private readonly Names _names;
    private readonly Body _body;

    private Template(string name, Names names, Body body) => (_name, _names, _body) = (name, names, body);

    /// <summary>Reads a template.</summary>
    /// <param name="source">The template.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="InputException">It is too long or no template.</exception>
    public static Template Parse(string source, string name)
    {
        if (source.Length > Limits.Source)
        {
            throw new InputException($"{name}: the template has {source.Length:N0} characters, expected at most {Limits.Source:N0}");
        }

        int line = 1;
        Parser? parser = null;
        try
        {
            var names = new Names();
            parser = new Parser(Lexer.Read(source, ref line), names);
            return new Template(name, names, parser.Parse());
        }
        catch (InputException e)
        {
            throw Place(name, parser?.Line ?? line, e);
        }
    }

    /// <summary>Whether the template names a variable.</summary>
    public bool Names(string variable) => _names.Holds(variable);

    /// <summary>The template's text for some variables.</summary>
    /// <param name="variables">Their values, by name.</param>
    /// <param name="clock">The time for strftime_now; the system's by default.</param>
    /// <exception cref="InputException">The template fails, or does too much.</exception>
    public string Render(DictValue variables, TimeProvider? clock = null)
    {
        var run = new Rendering(variables, clock ?? TimeProvider.System);
        object?[] values = new object?[_names.Count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = variables.TryGet(_names[i], out object? value) ? value : Functions.Find(_names[i]);
        }

        try
        {
            _body.Execute(run, new Scope(values));
            return run.Output.ToString();
        }
        catch (InputException e)
        {
            throw Place(_name, run.Line, e);
        }
    }

    private static InputException Place(string name, int line, InputException fault) => new($"{name}, line {line}: {fault.Message}", fault);
}
