namespace Lean.Engine.Chat.Jinja.Values;

/// <summary>A function's body, over one value per parameter.</summary>
internal delegate object? FunctionBody(Rendering run, object?[] arguments);

/// <summary>Something a template can call.</summary>
internal abstract class Callable
{
    public abstract string TypeName { get; }

    /// <summary>How it prints.</summary>
    public abstract string Description { get; }

    public abstract object? Call(Rendering run, Arguments arguments);
}

/// <summary>A function of ours.</summary>
internal sealed class FunctionValue(string name, Func<Rendering, Arguments, object?> body) : Callable
{
    public FunctionValue(string name, Signature signature, FunctionBody body)
        : this(name, (run, arguments) => body(run, signature.Bind(arguments)))
    {
    }

    public override string TypeName => "function";

    public override string Description => $"<function {name}>";

    public override object? Call(Rendering run, Arguments arguments) => body(run, arguments);
}

/// <summary>A method of a value.</summary>
internal sealed class MethodValue(object? self, string name, Func<Rendering, object?, Arguments, object?> body) : Callable
{
    public override string TypeName => "builtin_function_or_method";

    public override string Description => $"<built-in method {name} of {Types.Name(self)} object>";

    public override object? Call(Rendering run, Arguments arguments) => body(run, self, arguments);
}
