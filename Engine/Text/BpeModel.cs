using System.Buffers;
using System.Collections.Concurrent;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace Lean.Engine.Text;

/// <summary>
/// Byte-level BPE of one piece of text. The merging is Microsoft.ML.Tokenizers', whose loop is a port of Hugging Face's,
/// with three things around it that it lacks: "ignore_merges", a cache that costs no lock, and a way out for long pieces,
/// where the library's time grows with the square of the length (112 ms for 64 KiB) and <see cref="LongPieceMerger"/> takes over.
/// </summary>
/// <remarks>Encoding is safe from several threads at once.</remarks>
internal sealed class BpeModel
{
    /// <summary>In UTF-16 units. Up to here the library is quicker.</summary>
    private const int LongestForLibrary = 512;

    private const int LongestCached = 48;
    private const int CacheCapacity = 1 << 15;

    private readonly BpeTokenizer _library;
    private readonly LongPieceMerger _merger;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>>? _wholePieces;
    private readonly ConcurrentDictionary<string, int[]> _cache = new();
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _cached;
    private int _cacheCount;

    internal BpeModel(ModelSection model)
    {
        _library = BpeTokenizer.Create(new BpeOptions(model.Vocabulary)
        {
            Merges = model.Merges.Lines,
            ByteLevel = true,
            UnknownToken = model.Unknown,
            FuseUnknownTokens = model.FuseUnknown,
        });
        _merger = new LongPieceMerger(model);
        _wholePieces = model.IgnoreMerges ? model.Vocabulary.GetAlternateLookup<ReadOnlySpan<char>>() : null;
        _cached = _cache.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Adds the tokens of one piece.</summary>
    internal void Encode(ReadOnlySpan<char> piece, List<int> ids)
    {
        if (piece.Length > LongestCached)
        {
            EncodeAnew(piece, ids);
            return;
        }

        if (!_cached.TryGetValue(piece, out int[]? known))
        {
            var fresh = new List<int>();
            EncodeAnew(piece, fresh);
            known = [.. fresh];

            // Full: begin again. Text repeats mostly what it said lately, and nothing has to be tracked per use.
            if (Interlocked.Increment(ref _cacheCount) > CacheCapacity)
            {
                _cache.Clear();
                Volatile.Write(ref _cacheCount, 1);
            }

            _cached.TryAdd(piece, known);
        }

        ids.AddRange(known);
    }

    /// <summary>The same without the cache.</summary>
    internal void EncodeAnew(ReadOnlySpan<char> piece, List<int> ids)
    {
        if (_wholePieces is { } vocabulary && TryEncodeWhole(piece, vocabulary, out int whole))
        {
            ids.Add(whole);
        }
        else if (piece.Length <= LongestForLibrary)
        {
            ids.AddRange(_library.EncodeToIds(piece, considerPreTokenization: false, considerNormalization: false));
        }
        else
        {
            EncodeLong(piece, ids);
        }
    }

    /// <summary>The same by our own merge loop, whatever the length.</summary>
    internal void EncodeLong(ReadOnlySpan<char> piece, List<int> ids)
    {
        byte[] utf8 = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(piece.Length));
        _merger.Encode(utf8.AsSpan(0, Encoding.UTF8.GetBytes(piece, utf8)), ids);
        ArrayPool<byte>.Shared.Return(utf8);
    }

    private static bool TryEncodeWhole(
        ReadOnlySpan<char> piece, Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> vocabulary, out int id)
    {
        byte[] utf8 = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(piece.Length));
        int length = Encoding.UTF8.GetBytes(piece, utf8);
        char[] spelled = ArrayPool<char>.Shared.Rent(length);
        ByteAlphabet.Encode(utf8.AsSpan(0, length), spelled);
        bool found = vocabulary.TryGetValue(spelled.AsSpan(0, length), out id);
        ArrayPool<char>.Shared.Return(spelled);
        ArrayPool<byte>.Shared.Return(utf8);
        return found;
    }
}
