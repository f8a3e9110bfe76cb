using System.Collections.Immutable;

namespace RollbackConsole.Domain.Library;

/// <summary>How a version comes into the library.</summary>
public enum Arrival
{
    /// <summary>Somebody wants this content in force now: an earlier content becomes the newest version again.</summary>
    Put,
    /// <summary>A folder that is read at every start: content that the library has seen before stays as it is, or each start would undo what was edited since.</summary>
    Seed,
    /// <summary>What the product ships: taken only where the library has nothing under that name, so that an upgrade overrules nobody.</summary>
    Standard,
}

/// <summary>The versions of one document, by digest.</summary>
public sealed record VersionHistory(int Versions, string? NewestDigest, ImmutableDictionary<string, int> ByDigest)
{
    public static readonly VersionHistory None = new(0, null, ImmutableDictionary<string, int>.Empty);

    public VersionHistory With(int version, string digest) => new(version, digest, ByDigest.SetItem(digest, version));

    /// <summary>False when this content is in force already, or (from a seed) was there once.</summary>
    public bool Takes(string digest, Arrival arrival) => arrival switch
    {
        Arrival.Seed => !ByDigest.ContainsKey(digest),
        Arrival.Standard => Versions == 0,
        _ => NewestDigest != digest,
    };
}
