using System.Buffers.Binary;
using System.Text;

namespace Lean.Comm;

/// <summary>Writes numbers and short texts, little-endian, into memory that grows.</summary>
internal sealed class ByteWriter
{
    private byte[] _bytes = new byte[256];

    /// <summary>What was written so far.</summary>
    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    /// <summary>How many bytes were written so far.</summary>
    public int Length { get; private set; }

    public ByteWriter Byte(byte value)
    {
        Take(1)[0] = value;
        return this;
    }

    public ByteWriter Int(int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(Take(sizeof(int)), value);
        return this;
    }

    public ByteWriter Long(long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(Take(sizeof(long)), value);
        return this;
    }

    /// <summary>A list of numbers behind its length.</summary>
    public ByteWriter Ints(ReadOnlySpan<int> values)
    {
        Int(values.Length);
        foreach (int value in values)
        {
            Int(value);
        }

        return this;
    }

    /// <summary>UTF-8 behind its length in bytes, cut to <paramref name="most"/> characters.</summary>
    public ByteWriter Text(string text, int most) => Block(Encoding.UTF8.GetBytes(text.Length <= most ? text : text[..most]));

    /// <summary>Bytes behind their length.</summary>
    public ByteWriter Block(ReadOnlySpan<byte> bytes)
    {
        Int(bytes.Length);
        bytes.CopyTo(Take(bytes.Length));
        return this;
    }

    private Span<byte> Take(int count)
    {
        int length = checked(Length + count);
        if (length > _bytes.Length)
        {
            Array.Resize(ref _bytes, int.Max(length, checked(2 * _bytes.Length)));
        }

        Span<byte> span = _bytes.AsSpan(Length, count);
        Length = length;
        return span;
    }
}
