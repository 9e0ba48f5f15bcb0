using System.Text;

namespace Lean.Engine.Chat.Jinja.Formatting;

/// <summary>A text that grows, within the bounds of its rendering.</summary>
internal sealed class TextBuilder(Rendering run)
{
    private readonly StringBuilder _text = new();

    public int Length => _text.Length;

    public TextBuilder Append(string text)
    {
        Rendering.Room((long)_text.Length + text.Length);
        run.Charge(1 + (text.Length / 8));
        _text.Append(text);
        return this;
    }

    public TextBuilder Append(char c, int count = 1)
    {
        Rendering.Room((long)_text.Length + count);
        run.Charge(1 + (count / 8));
        _text.Append(c, count);
        return this;
    }

    public override string ToString() => _text.ToString();
}
