namespace Lean.Engine.Chat.Jinja.Values;

/// <summary>What joiner() gives: nothing at its first call, the separator at every later one.</summary>
internal sealed class Joiner(object? separator) : Callable
{
    private bool _used;

    public override string TypeName => "Joiner";

    public override string Description => "<jinja2.utils.Joiner object>";

    public override object? Call(Rendering run, Arguments arguments)
    {
        object? value = _used ? separator : "";
        _used = true;
        return value;
    }
}
