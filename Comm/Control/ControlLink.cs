using System.Buffers.Binary;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// One connection of the control channel. Both ends prove that they know the run's secret (HMAC-SHA256 over two fresh
/// numbers); from then on every frame carries a MAC over its number, kind and bytes, so nothing can be forged, replayed or
/// left out. Nothing is encrypted: it carries plans, positions and the tokens of steps, which travel between the same hosts as
/// what the tensor libraries send in the clear. Frames are bounded.
/// </summary>
internal sealed class ControlLink : IDisposable
{
    /// <summary>Of handshake and frames. Ends of different versions refuse each other by name.</summary>
    public const int Version = 2;

    private const int NonceBytes = 32;
    private const int MacBytes = HMACSHA256.HashSizeInBytes;
    private const int HeadBytes = sizeof(int) + sizeof(int);
    private const int MostBytes = 16 << 20;

    private readonly Lock _sending = new();
    private readonly Socket _socket;
    private readonly NetworkStream _stream;
    private readonly byte[] _sendKey;
    private readonly byte[] _receiveKey;
    private long _sent;
    private long _received;

    private ControlLink(Socket socket, NetworkStream stream, byte[] sendKey, byte[] receiveKey) =>
        (_socket, _stream, _sendKey, _receiveKey) = (socket, stream, sendKey, receiveKey);

    private static ReadOnlySpan<byte> Magic => "LEANCTRL"u8;

    /// <summary>The end that connected.</summary>
    /// <exception cref="MachineException">The other end does not know the secret, or is none of Lean's.</exception>
    /// <exception cref="IOException">The connection broke.</exception>
    public static ControlLink Connect(Socket socket, byte[] secret, TimeSpan limit)
    {
        NetworkStream stream = Open(socket, limit);
        byte[] own = RandomNumberGenerator.GetBytes(NonceBytes);
        stream.Write([.. Magic, .. Number(Version), .. own]);
        if (ReadNumber(stream) is int version and not Version)
        {
            throw new MachineException($"rank 0 speaks version {version} of the control channel, this build version {Version}: all ranks must run the same build");
        }

        byte[] other = Read(stream, NonceBytes), mac = Read(stream, MacBytes), nonces = [.. own, .. other];
        if (!CryptographicOperations.FixedTimeEquals(mac, Key(secret, "coordinator", nonces)))
        {
            throw new MachineException($"whoever answers at {socket.RemoteEndPoint} does not know this run's secret: {RankEnvironment.SecretVariable} must be the same for all ranks");
        }

        stream.Write(Key(secret, "member", nonces));
        return Ready(socket, stream, Key(secret, "to coordinator", nonces), Key(secret, "to member", nonces));
    }

    /// <summary>The end that listens.</summary>
    /// <exception cref="MachineException">The other end does not know the secret, or is none of Lean's.</exception>
    /// <exception cref="IOException">The connection broke.</exception>
    public static ControlLink Accept(Socket socket, byte[] secret, TimeSpan limit)
    {
        NetworkStream stream = Open(socket, limit);
        if (!Read(stream, Magic.Length).AsSpan().SequenceEqual(Magic))
        {
            throw new MachineException($"{socket.RemoteEndPoint} is no rank");
        }

        int version = ReadNumber(stream);
        stream.Write(Number(Version));
        if (version != Version)
        {
            throw new MachineException($"{socket.RemoteEndPoint} speaks version {version} of the control channel, expected {Version}");
        }

        byte[] other = Read(stream, NonceBytes), own = RandomNumberGenerator.GetBytes(NonceBytes), nonces = [.. other, .. own];
        stream.Write([.. own, .. Key(secret, "coordinator", nonces)]);
        if (!CryptographicOperations.FixedTimeEquals(Read(stream, MacBytes), Key(secret, "member", nonces)))
        {
            throw new MachineException($"{socket.RemoteEndPoint} does not know this run's secret");
        }

        return Ready(socket, stream, Key(secret, "to member", nonces), Key(secret, "to coordinator", nonces));
    }

    /// <summary>Sends a frame. Any thread may.</summary>
    /// <exception cref="IOException">The connection broke.</exception>
    public void Send(ControlMessage kind, ReadOnlySpan<byte> bytes)
    {
        byte[] frame = new byte[HeadBytes + bytes.Length + MacBytes];
        BinaryPrimitives.WriteInt32LittleEndian(frame, (int)kind);
        BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(sizeof(int)), bytes.Length);
        bytes.CopyTo(frame.AsSpan(HeadBytes));
        lock (_sending)
        {
            Mac(_sendKey, _sent++, frame.AsSpan(0, HeadBytes + bytes.Length)).CopyTo(frame.AsSpan(HeadBytes + bytes.Length));
            try
            {
                _stream.Write(frame);
            }
            catch (ObjectDisposedException fault)
            {
                throw new IOException("the connection was closed", fault);
            }
        }
    }

    /// <summary>Waits for a frame. One thread may.</summary>
    /// <exception cref="MachineException">A frame was forged or broken.</exception>
    /// <exception cref="IOException">The connection broke or ended.</exception>
    public (ControlMessage Kind, byte[] Bytes) Receive()
    {
        try
        {
            byte[] head = Read(_stream, HeadBytes);
            int kind = BinaryPrimitives.ReadInt32LittleEndian(head), length = BinaryPrimitives.ReadInt32LittleEndian(head.AsSpan(sizeof(int)));
            if ((uint)length > MostBytes)
            {
                throw new MachineException($"a frame of {length} bytes on the control channel, expected at most {MostBytes}");
            }

            byte[] bytes = Read(_stream, length);
            return CryptographicOperations.FixedTimeEquals(Read(_stream, MacBytes), Mac(_receiveKey, _received++, [.. head, .. bytes])) && kind <= (int)ControlMessage.Goodbye
                ? ((ControlMessage)kind, bytes)
                : throw new MachineException("a frame on the control channel was not made by the other rank");
        }
        catch (ObjectDisposedException fault)
        {
            throw new IOException("the connection was closed", fault);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stream.Dispose();
        _socket.Dispose();
    }

    private static NetworkStream Open(Socket socket, TimeSpan limit)
    {
        socket.NoDelay = true;
        int milliseconds = (int)double.Clamp(limit.TotalMilliseconds, 1, int.MaxValue);
        return new NetworkStream(socket, ownsSocket: false) { ReadTimeout = milliseconds, WriteTimeout = milliseconds };
    }

    // Only the handshake is under a limit: frames come when they come.
    private static ControlLink Ready(Socket socket, NetworkStream stream, byte[] sendKey, byte[] receiveKey)
    {
        stream.ReadTimeout = Timeout.Infinite;
        return new ControlLink(socket, stream, sendKey, receiveKey);
    }

    private static byte[] Key(byte[] secret, string use, ReadOnlySpan<byte> nonces) =>
        HMACSHA256.HashData(secret, (byte[])[.. Encoding.UTF8.GetBytes(use), .. Number(Version), .. nonces]);

    private static byte[] Mac(byte[] key, long number, ReadOnlySpan<byte> frame)
    {
        byte[] counted = new byte[sizeof(long) + frame.Length];
        BinaryPrimitives.WriteInt64LittleEndian(counted, number);
        frame.CopyTo(counted.AsSpan(sizeof(long)));
        return HMACSHA256.HashData(key, counted);
    }

    private static byte[] Number(int value)
    {
        byte[] bytes = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        return bytes;
    }

    private static int ReadNumber(NetworkStream stream) => BinaryPrimitives.ReadInt32LittleEndian(Read(stream, sizeof(int)));

    private static byte[] Read(NetworkStream stream, int count)
    {
        byte[] bytes = new byte[count];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
